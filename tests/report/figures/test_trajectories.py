from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from forget.report.figures.trajectories import draw
from report import made_frames
from report.figures.pictures import drawn, legend_words, texts


@pytest.mark.slow
def test_each_method_has_a_panel_with_the_band_and_the_last_verdict() -> None:
    [figure] = drawn(draw, made_frames.small()).values()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 3
    assert "no average: not all evaluated" in texts(figure)
    assert legend_words(figure)[:3] == ["each benchmark", "simultaneous 95 % band", "average"]
    assert [len(axes.collections) for axes in figure.axes] == [1, 0, 1]


def test_the_average_begins_at_the_base_and_is_in_points() -> None:
    material = made_frames.small()
    [figure] = drawn(draw, material).values()
    assert isinstance(figure, Figure)
    frame = material.results
    deltas = frame[(frame["method"] == "pi") & (frame["kind"] == "average")]["delta"]
    [line] = [line for line in figure.axes[2].lines if line.get_color() == "#000000"]
    np.testing.assert_allclose(line.get_xdata(), [0, 100, 200, 300])
    np.testing.assert_allclose(line.get_ydata(), [0, *(100 * deltas)])


def test_seeds_share_a_panel_and_the_level_is_named() -> None:
    material = made_frames.material(made_frames.awkward().results, level=0.9)
    [figure] = drawn(draw, material).values()
    assert isinstance(figure, Figure)
    assert len(figure.axes) == 2
    assert "simultaneous 90 % band" in legend_words(figure)


def test_one_checkpoint_is_no_curve() -> None:
    why = {"trajectories": "no run has two evaluated checkpoints"}
    assert drawn(draw, made_frames.single()) == why
    assert drawn(draw, made_frames.compared()) == why
