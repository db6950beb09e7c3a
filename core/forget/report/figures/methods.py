"""Methods side by side across data sets: what each forgot, and what it learned."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.intervals import draw_interval, draw_missing, in_order
from forget.report.figures.style import DOUBLE, SINGLE, fitted, legend, zero
from forget.report.selection import groups, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_COLUMNS = 4
"""Data sets beside each other; more of them go below."""

_MISSING = {"average": "not all evaluated", "task": "not evaluated"}
_LABELS = {"average": "change of average [points]", "task": "change of task [points]"}


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield one figure: for each group of runs a panel of the average, and one of the task."""
    rows = shown.last[shown.last["kind"].isin(list(_LABELS))]
    if len(whole(rows)[["path", "who"]].drop_duplicates()) < 2:
        yield Omitted("methods", "there are not two runs with an average or a task to compare")
        return
    yield Drawing("methods", _figure(rows))


def _figure(rows: pd.DataFrame) -> Figure:
    from matplotlib.figure import Figure

    found = list(groups(rows))
    columns = min(len(found), _COLUMNS)
    blocks = [found[start : start + columns] for start in range(0, len(found), columns)]
    names = [str(name) for name in rows["method_label"].unique()]
    figure = Figure(
        figsize=(SINGLE if columns == 1 else DOUBLE, _height(len(names)) * len(blocks) + 0.5),
        layout="constrained",
    )
    grid = figure.subplots(2 * len(blocks), columns, squeeze=False, sharey=True, sharex="row")
    entries: dict[str, Artist] = {}
    for block, upper, lower in zip(blocks, grid[::2], grid[1::2], strict=True):
        for place, (above, below) in enumerate(zip(upper, lower, strict=True)):
            if place >= len(block):
                above.remove()
                below.remove()
                continue
            _panel(above, block[place].rows, "average", names, entries)
            _panel(below, block[place].rows, "task", names, entries)
            above.set_title(fitted(block[place].name, 30, lines=2), loc="left")
    legend(figure, in_order(entries))
    return figure


def _height(methods: int) -> float:
    return 2 * (0.5 + 0.17 * methods)


def _panel(
    axes: Axes, rows: pd.DataFrame, kind: str, names: list[str], entries: dict[str, Artist]
) -> None:
    zero(axes, vertical=True)
    rows = rows[rows["kind"] == kind]
    known = whole(rows)
    for name in set(rows["method_label"]) - set(known["method_label"]):
        draw_missing(axes, names.index(name), _MISSING[kind])
    for name, runs in known.groupby("method_label", sort=False):
        for index, (_, row) in enumerate(runs.iterrows()):
            # Several seeds of a method lie a little above each other.
            aside = 0.7 * ((index + 0.5) / len(runs) - 0.5)
            size = 4 if len(runs) == 1 else 3
            draw_interval(axes, row, names.index(str(name)) + aside, entries, size=size)
    axes.set_yticks(range(len(names)), [fitted(name, 24) for name in names])
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.set_xlabel(_LABELS[kind])
