from __future__ import annotations

import pytest
from matplotlib.figure import Figure

from forget.report.figures.frontier import draw
from report import made_frames
from report.figures.pictures import drawn, legend_words, line_of


def test_a_point_is_what_was_learned_and_what_was_kept() -> None:
    material = made_frames.small()
    [figure] = drawn(draw, material).values()
    assert isinstance(figure, Figure)
    [axes] = figure.axes
    last = material.results[material.results["last"]].set_index(["method", "kind"])["delta"]
    expected = (100 * last["gt-sft", "task"].item(), 100 * last["gt-sft", "average"].item())
    assert line_of(axes, "o") == [pytest.approx(expected)]
    # The average of GRPO is of two benchmarks only.
    assert legend_words(figure) == ["gt-sft", "pi"]


def test_those_that_none_surpasses_are_joined() -> None:
    found = made_frames.small().results
    best = (found["method"] == "pi") & (found["kind"] == "task") & found["last"]
    found.loc[best, ["delta", "low", "high"]] = [0.5, 0.4, 0.6]
    [figure] = drawn(draw, made_frames.material(found)).values()
    assert legend_words(figure)[0] == "not surpassed in both"


def test_two_points_are_needed() -> None:
    assert "two last checkpoints" in str(drawn(draw, made_frames.single())["frontier"])
    assert "two last checkpoints" in str(drawn(draw, made_frames.compared())["frontier"])
