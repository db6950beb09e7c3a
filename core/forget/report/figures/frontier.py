"""What was learned against what was forgotten, with the error of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.style import (
    GREY,
    POINTS,
    SINGLE,
    Look,
    fitted,
    legend,
    look,
    panels,
    zero,
)
from forget.report.selection import groups, whole
from forget.verdict.frontier import frontier

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["draw"]


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield one figure, with a panel for each group of runs."""
    names = shown.last.drop_duplicates(["path", "checkpoint"])
    names = names[["path", "checkpoint", "group", "method_label"]]
    pairs = frontier(whole(shown.last), shown.material.level).merge(
        names, on=["path", "checkpoint"]
    )
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
    legend(figure, entries)
    yield Drawing("frontier", figure)


def _panel(
    axes: Axes, rows: pd.DataFrame, methods: dict[str, int], entries: dict[str, Artist]
) -> None:
    zero(axes, vertical=True)
    zero(axes, vertical=False)
    best = rows[rows["best"]].sort_values("gain")
    [line] = axes.plot(
        POINTS * best["gain"], POINTS * best["average"], color=GREY, linestyle=":", zorder=0
    )
    if len(best) > 1:
        entries["not surpassed in both"] = line
    for _, row in rows.iterrows():
        method = str(row["method_label"])
        entries[method] = _point(axes, row, look(methods[method]))


def _point(axes: Axes, row: pd.Series[Any], drawn: Look) -> Artist:
    x, y = POINTS * row["gain"], POINTS * row["average"]
    across = [POINTS * row["gain_low"], POINTS * row["gain_high"]]
    up = [POINTS * row["average_low"], POINTS * row["average_high"]]
    axes.plot(across, [y, y], color=drawn.colour, linewidth=0.8)
    axes.plot([x, x], up, color=drawn.colour, linewidth=0.8)
    [point] = axes.plot(
        [x], [y], marker=drawn.marker, color=drawn.colour, markersize=4.5, linestyle="none"
    )
    return point
