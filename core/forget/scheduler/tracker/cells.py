"""Cells of a tracker's tables: texts, and how they are to be taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

from forget.report.terminal import points, signed

__all__ = [
    "NONE",
    "Cell",
    "Section",
    "Tone",
    "change_cell",
    "count_cell",
    "share_cell",
    "state_cell",
    "tone_of",
]

Tone = Literal["", "good", "going", "bad", "quiet"]


class Cell(NamedTuple):
    """A text, and how it is to be taken."""

    text: str
    tone: Tone = ""


class Section(NamedTuple):
    """A table with a heading.

    Attributes:
        title: The heading.
        columns: Headings of the columns; those that begin with ``>`` hold numbers.
        rows: The cells.
        note: How to read it.
    """

    title: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    note: str = ""


_TONES: dict[str, Tone] = {
    "done": "good",
    "complete": "good",
    "running": "going",
    "queued": "going",
    "held": "going",
    "partly done": "going",
    "unfinished": "going",
    "stopped": "going",
    "data ready": "going",
    "failed": "bad",
    "refused": "bad",
    "damaged": "bad",
    "quarantined": "bad",
    "pending": "quiet",
    "not started": "quiet",
}
NONE = Cell("—", "quiet")


def count_cell(count: int, expected: int | None) -> Cell:
    """Write ``4 of 15``, ``15`` where that is all, nothing where nothing is."""
    if not count:
        return Cell(f"0 of {expected:,}", "quiet") if expected else NONE
    if expected is None or count == expected:
        return Cell(f"{count:,}")
    return Cell(f"{count:,} of {expected:,}")


def tone_of(state: str) -> Tone:
    """Return how a state of anything is to be taken."""
    return _TONES[state]


def state_cell(state: str, detail: str) -> Cell:
    """Write a state with what else there is to say of it."""
    return Cell(f"{state}: {detail}" if detail else state, tone_of(state))


def share_cell(share: float | None) -> Cell:
    """Write a share in points of 100, if it is known."""
    return NONE if share is None else Cell(f"{points(share)} %")


def change_cell(delta: float | None, stderr: float | None) -> Cell:
    """Write a change with its error; it has a tone only where it is more than two errors."""
    if delta is None:
        return NONE
    beyond_error = stderr is not None and abs(delta) > 2 * stderr
    tone: Tone = ("bad" if delta < 0 else "good") if beyond_error else ""
    error = "" if stderr is None else f" ± {points(stderr)}"
    return Cell(f"{signed(delta)}{error}", tone)
