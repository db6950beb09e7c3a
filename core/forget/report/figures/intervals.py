"""A delta with its interval, marked with its verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from forget.report.figures.style import GREY, POINTS, VERDICTS, marked

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["draw_interval", "draw_mark", "draw_missing", "in_order"]


def draw_interval(
    axes: Axes, row: pd.Series[Any], place: float, entries: dict[str, Artist], size: float = 4
) -> None:
    """Draw a row of the frame across, at a height; an interval that is not known is left out."""
    colour = marked(row["verdict"]).colour
    axes.plot([POINTS * row["low"], POINTS * row["high"]], [place, place], color=colour)
    draw_mark(axes, row, (POINTS * row["delta"], place), entries, size=size)
    if row["few"]:
        end = row["high"] if row["high"] == row["high"] else row["delta"]
        at = (POINTS * end, place)
        axes.annotate("*", at, (1.5, -1), textcoords="offset points", va="center", fontsize=6)


def draw_missing(axes: Axes, place: float, word: str = "not evaluated") -> None:
    """Say that there is no delta, instead of leaving a gap."""
    axes.text(0, place, f" {word}", va="center", fontsize=5.5, color=GREY)


def draw_mark(
    axes: Axes,
    row: pd.Series[Any],
    at: tuple[float, float],
    entries: dict[str, Artist],
    size: float = 4,
) -> None:
    """Draw the mark of a row's verdict, and take it into the legend."""
    mark = marked(row["verdict"])
    [entries[mark.word]] = axes.plot(
        *([value] for value in at),
        marker=mark.marker,
        markersize=size,
        color=mark.colour,
        markerfacecolor=mark.colour if mark.filled else "white",
        linestyle="none",
        clip_on=False,
        zorder=5,
    )


def in_order(entries: dict[str, Artist]) -> dict[str, Artist]:
    """Sort the verdicts among the entries of a legend, whichever was drawn first."""
    words = [mark.word for mark in VERDICTS.values()]
    others = [word for word in entries if word not in words]
    return {word: entries[word] for word in (*others, *words) if word in entries}
