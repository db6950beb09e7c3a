from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from forget.report.figures.forest import draw
from report import made_frames
from report.figures.pictures import drawn, legend_words, line_of, texts


def test_each_run_has_a_panel_and_a_gap_says_why() -> None:
    material = made_frames.small()
    [(name, figure)] = drawn(draw, material).items()
    assert name == "forest-gsm8k"
    assert isinstance(figure, Figure)
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["gt-sft", "grpo", "pi"]
    said = texts(figure)
    assert {"ARC-Challenge", "MMLU", "average", "not evaluated".rjust(14)} <= said
    assert not any("task" in text for text in said)
    assert legend_words(figure)[-1] == "* not all items"


def test_a_marker_stands_at_the_delta_in_points() -> None:
    material = made_frames.compared()
    [figure] = drawn(draw, material).values()
    assert isinstance(figure, Figure)
    [axes] = figure.axes
    assert line_of(axes, "v") == [pytest.approx((-3.0, 0)), pytest.approx((-1.5, 2))]
    assert line_of(axes, "s") == [pytest.approx((0.1, 1))]
    assert "−3.0 [−3.8, −2.2]" in texts(figure)
    assert legend_words(figure) == ["forgot", "kept (within margin)"]


def test_an_interval_that_is_not_known_is_not_drawn_and_a_dash_stands_for_it() -> None:
    found = made_frames.compared().results
    found.loc[0, ["low", "high"]] = [-np.inf, np.inf]
    [figure] = drawn(draw, made_frames.material(found)).values()
    assert "−3.0 [–, –]" in texts(figure)


def test_more_runs_than_a_page_holds_take_several() -> None:
    rng = np.random.default_rng(0)
    rows = [
        row
        for seed in range(11)
        for row in made_frames.rows_of_run(rng, ("mmlu",), (100,), seed=seed)
    ]
    found = drawn(draw, made_frames.material(made_frames.frame(rows)))
    assert list(found) == ["forest-gsm8k-1", "forest-gsm8k-2"]
    assert [len(figure.axes) for figure in found.values() if isinstance(figure, Figure)] == [9, 2]


def test_without_a_benchmark_there_is_none() -> None:
    found = made_frames.small().results
    found = found[found["kind"] == "task"]
    assert drawn(draw, made_frames.material(found)) == {
        "forest-gsm8k": "no benchmark of a last checkpoint has been evaluated"
    }
