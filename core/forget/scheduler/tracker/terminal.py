"""A tracker in a terminal."""

from __future__ import annotations

from rich.console import Group, JustifyMethod, RenderableType
from rich.table import Table
from rich.text import Text

from forget.report.paths import Paths
from forget.scheduler.tracker.cells import Cell, Section, Tone
from forget.scheduler.tracker.facts import Tracker
from forget.scheduler.tracker.tables import nothing_here, sections, time_in_words

__all__ = ["render_tracker"]

_STYLES: dict[Tone, str] = {
    "": "",
    "good": "green",
    "going": "yellow",
    "bad": "red",
    "quiet": "dim",
}

_NUMBER = len("+100.0 ± 10.0")


def render_tracker(tracker: Tracker) -> RenderableType:
    """Return all sections as tables, what to do next below them."""
    nothing = nothing_here(tracker)
    if nothing:
        return Text(nothing)
    parts: list[RenderableType] = [Text(f"{tracker.out}, {tracker.at:%Y-%m-%d %H:%M %Z}", "bold")]
    parts += [Text(warning, "yellow") for warning in tracker.warnings]
    for section in sections(tracker):
        parts += [Text(), _table(section)]
        if section.note:
            parts.append(Text(section.note, "dim"))
    if tracker.advice or tracker.left:
        parts += [Text(), Text("What to do next", "bold")]
    if tracker.left:
        parts.append(Text(time_in_words(tracker.left)))
    for advice in tracker.advice:
        parts += [Text(advice.why, "dim"), Text(f"  {advice.command}")]
    return Group(*parts)


def _table(section: Section) -> Table:
    table = Table(title=section.title, title_justify="left", title_style="bold")
    for column, *cells in zip(section.columns, *section.rows, strict=True):
        number = column.startswith(">")
        # Names are broken where the terminal is narrow, numbers only if more is said with them.
        whole = number and all(len(cell.text) <= _NUMBER for cell in cells)
        justify: JustifyMethod = "right" if number else "left"
        table.add_column(column.removeprefix(">"), justify=justify, no_wrap=whole, overflow="fold")
    for row in section.rows:
        table.add_row(*map(_cell, row))
    return table


def _cell(cell: Cell) -> RenderableType:
    if "/" in cell.text and " " not in cell.text and not cell.tone:
        return Paths(cell.text)
    return Text(cell.text, style=_STYLES[cell.tone])
