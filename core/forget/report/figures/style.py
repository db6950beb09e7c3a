"""How figures look: sizes of paper, colours that everybody can tell apart, and marks beside them.

Colours are those of Okabe and Ito (2008), "Color Universal Design". None stands alone: a verdict
has a marker of its own, a method a marker and a line style, so that a grey print says the same.
"""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLACK", "DOUBLE", "FAINT", "GREY", "POINTS", "SINGLE", "STYLE", "VERDICTS", "Look", "Mark",
    "fitted", "legend", "look", "marked", "not_all", "panels", "step_axis", "zero",
]  # fmt: skip

SINGLE, DOUBLE = 3.25, 6.75
"""Widths of one column and of two [inches]."""

POINTS = 100
"""Shares are drawn in points of 100."""

BLACK, GREY, FAINT = "#000000", "#7f7f7f", "#b8b8b8"

_LETTER, _HANDLE = 0.052, 0.36
"""Width of a letter of a legend, and of the mark before it with the space around [inches]."""

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib: the same file on every machine
    "font.size": 7,
    "axes.labelsize": 7,
    "axes.titlesize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "lines.linewidth": 1.0,
    "lines.markersize": 4,
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.h_pad": 0.03,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.dpi": 300,  # letters are laid out at the size at which they are drawn
    "savefig.dpi": 300,
    "pdf.fonttype": 42,  # TrueType: publishers refuse the bitmap fonts of type 3
    "svg.fonttype": "path",  # looks the same where the font is missing
    "svg.hashsalt": "forget",  # otherwise its identifiers are random
    "text.parse_math": False,  # a name with dollar signs is not a formula
}


class Mark(NamedTuple):
    """How a verdict is drawn.

    Attributes:
        word: What the legend calls it.
        marker: Marker of matplotlib.
        colour: Its colour.
        filled: Whether the marker is.
    """

    word: str
    marker: str
    colour: str
    filled: bool = True


VERDICTS = {
    "forgot": Mark("forgot", "v", "#D55E00"),
    "improved": Mark("improved", "^", "#0072B2"),
    "kept": Mark("kept (within margin)", "s", "#009E73"),
    "inconclusive": Mark("inconclusive", "o", GREY, filled=False),
}


class Look(NamedTuple):
    """How a method is drawn."""

    colour: str
    marker: str
    line: str | tuple[int, tuple[int, ...]]


_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">")
_LINES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)))


def look(index: int) -> Look:
    """Return how the n-th method is drawn; colour, marker and line repeat at different lengths."""
    return Look(
        _COLOURS[index % len(_COLOURS)],
        _MARKERS[index % len(_MARKERS)],
        _LINES[index % len(_LINES)],
    )


def marked(verdict: object) -> Mark:
    """Return how a verdict is drawn; one that is not known, as inconclusive."""
    return VERDICTS.get(str(verdict), VERDICTS["inconclusive"])


def fitted(text: str, width: int, lines: int = 1) -> str:
    """Break a name into lines of so many letters; of one too long the middle is left out.

    Long names differ at their ends: in the seed, or in the setting that is swept.
    """
    whole = " ".join(text.split())
    for room in range(max(len(whole), width * lines), 0, -1):
        found = textwrap.wrap(_elided(whole, room), width)
        if len(found) <= lines:
            break
    return "\n".join(found)


def _elided(text: str, room: int) -> str:
    if len(text) <= room:
        return text
    tail = room // 2
    return f"{text[: room - tail - 1]}…{text[len(text) - tail :]}"


def not_all(any_partial: bool) -> dict[str, Artist]:
    """Return the entry of a legend that explains the asterisk, if there is one."""
    from matplotlib.lines import Line2D

    blank = Line2D([], [], linestyle="none")
    return {"* not all items": blank} if any_partial else {}


def panels(
    count: int, columns: int, height: float, width: float = DOUBLE, **options: Any
) -> tuple[Figure, list[Axes]]:
    """Return a figure of so many panels, `height` inches each, in rows of `columns`."""
    from matplotlib.figure import Figure

    columns = min(columns, count)
    rows = -(-count // columns)
    figure = Figure(figsize=(width, rows * height + 0.35), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False, **options)
    axes = list(grid.flat)
    for unused in axes[count:]:
        unused.remove()
    for above in axes[max(count - columns, 0) : count]:
        above.tick_params(labelbottom=True)  # nothing may stand below it in the last row
    return figure, axes[:count]


def zero(axes: Axes, *, vertical: bool) -> None:
    """Draw the line of no change."""
    draw = axes.axvline if vertical else axes.axhline
    draw(0, color=GREY, linewidth=0.6, zorder=0)


def step_axis(axes: Axes) -> None:
    """Have whole numbers along an axis of optimiser steps."""
    from matplotlib.ticker import MaxNLocator

    axes.xaxis.set_major_locator(
        MaxNLocator(nbins="auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1)
    )


def legend(figure: Figure, entries: dict[str, Artist], columns: int | None = None) -> None:
    """Put a legend above a figure, if there is anything in it.

    Below it would lie on the label that all panels share.

    Args:
        figure: The figure.
        entries: What is drawn beside each word.
        columns: Their number; None for as many as surely fit.
    """
    if not entries:
        return
    words = [fitted(word, 42) for word in entries]
    widest = _HANDLE + _LETTER * max(map(len, words))
    fitting = max(1, int(figure.get_figwidth() / widest))
    figure.legend(
        list(entries.values()),
        words,
        loc="outside upper center",
        ncols=min(columns or fitting, len(entries)),
        columnspacing=1.2,
        handletextpad=0.4,
    )
