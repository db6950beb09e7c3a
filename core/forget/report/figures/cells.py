"""A table drawn as coloured cells: the delta as a number, the evidence for it as a colour.

The colour says how sure it is that something changed, not how much: the p-value after Holm, with
the sign of the delta. An uncertain drop of 5 points is white, a certain one of 1 point is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, NamedTuple

from forget.report.figures.style import BLACK, GREY, VERDICTS, not_all
from forget.report.selection import change_in_points

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["MISSING", "Cell", "by_place", "cell", "draw_cells", "key"]

_LEVELS = ((0.001, 0.85), (0.01, 0.55), (0.05, 0.3))
"""Below which p-value, how much of the colour: steps can be told apart where shades cannot."""

_KEPT = 0.25

_HATCH = "/////"


class Cell(NamedTuple):
    """One cell.

    Attributes:
        text: What stands in it.
        colour: Name of the verdict whose colour it has; empty for none.
        strength: How much of that colour, from 0 to 1.
        missing: Whether it was not evaluated.
    """

    text: str
    colour: str = ""
    strength: float = 0.0
    missing: bool = False


MISSING = Cell("–", missing=True)
"""A cell of what was not evaluated."""


def by_place(rows: pd.DataFrame, down: str, across: str) -> dict[tuple[str, str], pd.Series[Any]]:
    """Return the rows of a frame by the values of two of its columns."""
    return {(str(row[down]), str(row[across])): row for _, row in rows.iterrows()}


def cell(row: pd.Series[Any] | None) -> Cell:
    """Return how a row of `by_place` is shown; None is shown as missing."""
    if row is None or row["delta"] != row["delta"]:
        return MISSING
    text = change_in_points(row["delta"])
    if row["few"]:
        text += "*"
    # The task and the average belong to no family of tests that Holm would correct for.
    p = row["p_holm"] if row["p_holm"] == row["p_holm"] else row["p"]
    for level, strength in _LEVELS:
        if p < level:
            return Cell(text, "forgot" if row["delta"] < 0 else "improved", strength)
    if row["verdict"] == "kept":
        return Cell(f"{text} ✓", "kept", _KEPT)
    return Cell(text)


def draw_cells(
    axes: Axes, table: Sequence[Sequence[Cell]], *, ruled_rows: int = 0, ruled_columns: int = 0
) -> None:
    """Draw rows of cells; the last `ruled_rows` and `ruled_columns` stand behind a line."""
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    height, width = len(table), len(table[0])
    places = [(x, y, found) for y, line in enumerate(table) for x, found in enumerate(line)]
    patches = [Rectangle((x, y), 1, 1, **_face(found)) for x, y, found in places]
    # As two collections they are drawn much faster; a collection has one hatch.
    for missing in (False, True):
        those = [
            p for p, (_, _, found) in zip(patches, places, strict=True) if found.missing is missing
        ]
        axes.add_collection(
            PatchCollection(those, match_original=True, hatch=_HATCH if missing else None)
        )
    for x, y, found in places:
        axes.text(
            x + 0.5,
            y + 0.52,
            found.text,
            ha="center",
            va="center",
            fontsize=5.2,
            fontweight="bold" if found.strength > _KEPT else "normal",
            color="white" if found.strength > 0.8 else BLACK,
        ).set_in_layout(False)  # they lie within the axes, and measuring them takes long
    axes.set_xlim(0, width)
    axes.set_ylim(height, 0)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if 0 < ruled_rows < height:
        axes.axhline(height - ruled_rows, color=BLACK, linewidth=0.8)
    if 0 < ruled_columns < width:
        axes.axvline(width - ruled_columns, color=BLACK, linewidth=0.8)


def key(*, few: bool, narrow: bool) -> tuple[dict[str, Artist], int]:
    """Return the entries of the legend, what the colours mean, and in how many columns they go.

    Args:
        few: Whether a benchmark was not scored on all its items.
        narrow: Whether there is one column of a paper only.
    """
    from matplotlib.patches import Patch

    def entries(*named: tuple[str, Cell]) -> list[tuple[str, Artist]]:
        return [(name, Patch(**_face(found))) for name, found in named]

    left = entries(
        *((f"− p < {level:g}", Cell("", "forgot", strength)) for level, strength in _LEVELS),
        ("inconclusive", Cell("")),
        ("not evaluated", MISSING),
    )
    right = entries(
        *((f"+ p < {level:g}", Cell("", "improved", strength)) for level, strength in _LEVELS),
        (f"✓ {VERDICTS['kept'].word}", Cell("", "kept", _KEPT)),
    )
    right += not_all(few).items()
    if narrow:
        return dict(left + right), 2
    pairs = zip_longest(left, right)
    return dict(entry for pair in pairs for entry in pair if entry), len(left)


def _face(found: Cell) -> dict[str, Any]:
    if found.missing:
        return {"facecolor": "white", "edgecolor": GREY, "hatch": _HATCH, "linewidth": 0.4}
    return {"facecolor": _mixed(found), "edgecolor": "#b0b0b0", "linewidth": 0.4}


def _mixed(found: Cell) -> tuple[float, ...]:
    """Mix a colour with white."""
    from matplotlib.colors import to_rgb

    pure = to_rgb(VERDICTS[found.colour].colour) if found.colour else (1.0, 1.0, 1.0)
    return tuple(1 - found.strength * (1 - part) for part in pure)
