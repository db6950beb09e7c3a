"""What was learned against what was forgotten, with the error of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.style import POINTS, SINGLE, fitted, legend, look, panels, zero
from forget.report.selection import groups, method_of

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["draw"]


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield one figure, with a panel for each group of runs."""
    pairs = _pairs(shown.last)
    if len(pairs) < 2:
        reason = "there are not two last checkpoints with both a task accuracy and an average"
        yield Omitted("frontier", reason)
        return
    found = list(groups(pairs))
    wide = {} if len(found) > 1 else {"width": SINGLE}
    figure, axes = panels(len(found), 3, 2.2, sharex="all", sharey="all", **wide)
    entries: dict[str, Artist] = {}
    for panel, group in zip(axes, found, strict=True):
        _panel(panel, group.rows, shown.methods(), entries)
        if len(found) > 1:
            panel.set_title(fitted(group.name, 36, lines=2), loc="left")
    figure.supxlabel("learned: change of task accuracy [points]", fontsize=7)
    figure.supylabel("retained: average change of benchmarks [points]", fontsize=7)
    legend(figure, entries, columns=6 if len(found) > 1 else 3)
    yield Drawing("frontier", figure)


def _pairs(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the averages of those that have both, with the task's numbers beside them."""
    numbers = ["delta", "low", "high"]
    evaluated = rows.dropna(subset="delta")
    tasks = evaluated[evaluated["kind"] == "task"]
    return evaluated[evaluated["kind"] == "average"].merge(
        tasks[["path", "checkpoint", *numbers]], on=["path", "checkpoint"], suffixes=("", "_task")
    )


def _panel(
    axes: Axes, rows: pd.DataFrame, methods: dict[str, int], entries: dict[str, Artist]
) -> None:
    zero(axes, vertical=True)
    zero(axes, vertical=False)
    for method, (_, row) in zip(method_of(rows), rows.iterrows(), strict=True):
        drawn = look(methods[str(method)])
        [entries[str(method)]] = axes.plot(
            [POINTS * row["delta_task"]],
            [POINTS * row["delta"]],
            marker=drawn.marker,
            color=drawn.colour,
            markersize=4.5,
            linestyle="none",
        )
        _bars(axes, row, drawn.colour)


def _bars(axes: Axes, row: pd.Series[Any], colour: str) -> None:
    x, y = POINTS * row["delta_task"], POINTS * row["delta"]
    across = [POINTS * row["low_task"], POINTS * row["high_task"]]
    up = [POINTS * row["low"], POINTS * row["high"]]
    axes.plot(across, [y, y], color=colour, linewidth=0.8)
    axes.plot([x, x], up, color=colour, linewidth=0.8)
