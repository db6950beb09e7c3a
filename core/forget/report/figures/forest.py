"""Forest plot: each benchmark's paired difference with its interval, a panel for each run."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from forget.report.figures.drawing import Drawing, Omitted, Shown, number
from forget.report.figures.intervals import draw_interval, draw_missing, in_order
from forget.report.figures.style import BLACK, SINGLE, fitted, legend, not_all, panels, zero
from forget.report.selection import Exam, change_in_points, exams

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["draw"]

_PANELS = 9
"""Panels on one page."""


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield a figure for each group of runs, several where one page does not hold it."""
    for group in shown.groups:
        name = f"forest-{group.slug}"
        # The trained task, which gains tens of points, would dwarf what is forgotten.
        rows = group.rows[group.rows["kind"] != "task"]
        runs = [run for _, run in rows.groupby(["path", "who"], sort=False)]
        runs = [run for run in runs if run["delta"].notna().any()]
        if not runs:
            yield Omitted(name, "no benchmark of a last checkpoint has been evaluated")
        pages = [runs[start : start + _PANELS] for start in range(0, len(runs), _PANELS)]
        for index, page in enumerate(pages):
            yield _page(number(name, index, len(pages)), page, exams(rows), shown.material.level)


def _page(name: str, runs: list[pd.DataFrame], down: list[Exam], level: float) -> Drawing:
    alone = len(runs) == 1
    height = 0.35 + 0.135 * len(down)
    if alone:
        figure, axes = panels(1, 1, height, SINGLE)
    else:
        figure, axes = panels(len(runs), 3, height + 0.15, sharex=True, sharey=True)
    entries: dict[str, Artist] = {}
    for panel, run in zip(axes, runs, strict=True):
        _panel(panel, run, down, entries)
        if alone:
            _written(panel, run, down)
        else:
            panel.set_title(fitted(str(run["who"].iloc[0]), 30, lines=2), loc="left")
    _rows(axes, down)
    label = f"change against base, {100 * level:g} % interval [points]"
    if alone:
        axes[0].set_xlabel(label)
    else:
        figure.supxlabel(label, fontsize=7)
    legend(figure, in_order(entries) | not_all(any(run["few"].any() for run in runs)))
    return Drawing(name, figure)


def _panel(axes: Axes, run: pd.DataFrame, down: Sequence[Exam], entries: dict[str, Artist]) -> None:
    zero(axes, vertical=True)
    rows = {str(row["benchmark"]): row for _, row in run.iterrows()}
    for place, exam in enumerate(down):
        row = rows.get(exam.name)
        if row is None or row["delta"] != row["delta"]:
            draw_missing(axes, place)
        else:
            draw_interval(axes, row, place, entries)
        if exam.kind == "average":
            axes.axhline(place - 0.5, color=BLACK, linewidth=0.4)


def _rows(axes: Sequence[Axes], down: Sequence[Exam]) -> None:
    names = [fitted(exam.title, 24) for exam in down]
    for panel in axes:
        panel.set_yticks(range(len(down)), names)
        panel.tick_params(axis="y", length=0)
        panel.set_ylim(len(down) - 0.4, -0.6)
        panel.spines["left"].set_visible(False)
        for label, exam in zip(panel.get_yticklabels(), down, strict=False):  # none inside
            label.set_fontweight("bold" if exam.kind == "average" else "normal")


def _written(axes: Axes, run: pd.DataFrame, down: Sequence[Exam]) -> None:
    """Write the numbers to the right of the only panel."""
    places = {exam.name: place for place, exam in enumerate(down)}
    for _, row in run.dropna(subset="delta").iterrows():
        delta, low, high = (change_in_points(row[name]) for name in ("delta", "low", "high"))
        axes.text(
            1.02,
            places[str(row["benchmark"])],
            f"{delta} [{low}, {high}]",
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=5.5,
        )
