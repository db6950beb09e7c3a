from __future__ import annotations

import pytest
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from forget.report.figures.style import DOUBLE, SINGLE, VERDICTS, fitted, legend, look, marked


@pytest.mark.parametrize(
    ("text", "width", "lines", "expected"),
    [
        ("short", 10, 1, "short"),
        ("", 10, 1, ""),
        ("  two\n words ", 20, 1, "two words"),
        ("abcdefghijklmnop", 9, 1, "abcd…mnop"),
        ("gt-sft seed 0", 8, 2, "gt-sft\nseed 0"),
        ("ab", 1, 1, "…"),
    ],
)
def test_names_are_fitted(text: str, width: int, lines: int, expected: str) -> None:
    found = fitted(text, width, lines)
    assert max(map(len, found.split("\n"))) <= width
    assert found.count("\n") < lines
    assert found == expected


def test_names_that_differ_at_their_ends_stay_different() -> None:
    names = [f"a-very-long-name-of-a-method-lr-3e-05-seed-{seed}" for seed in range(3)]
    assert len({fitted(name, 20) for name in names}) == 3


def test_every_verdict_has_a_marker_and_a_colour_of_its_own() -> None:
    assert len({mark.marker for mark in VERDICTS.values()}) == len(VERDICTS)
    assert len({mark.colour for mark in VERDICTS.values()}) == len(VERDICTS)
    assert marked("kept").colour == "#009E73"
    assert marked(None) == VERDICTS["inconclusive"]


def test_methods_look_different_even_where_there_are_many() -> None:
    looks = [look(index) for index in range(60)]
    assert len({(one.colour, one.marker) for one in looks}) == 60


@pytest.mark.slow
@pytest.mark.parametrize("width", [SINGLE, DOUBLE])
@pytest.mark.parametrize(
    "word", ["pi", "kept (within margin)", "a-name-that-is-much-too-long " * 3]
)
def test_a_legend_is_never_wider_than_the_figure(width: float, word: str) -> None:
    figure = Figure(figsize=(width, 3), layout="constrained")
    figure.subplots()
    legend(figure, {f"{word} {n}": Line2D([], []) for n in range(9)})
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= figure.bbox.width


def test_an_empty_legend_is_none() -> None:
    figure = Figure()
    legend(figure, {})
    assert figure.legends == []
