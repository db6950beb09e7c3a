"""What a fetch wrote, for people."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.inventory.fetch import Fetched

__all__ = ["render_fetched"]


def render_fetched(found: Sequence[Fetched], root: Path) -> RenderableType:
    """Return a line for each dataset and benchmark; what is odd about a file stands below."""
    groups: dict[str, list[Fetched]] = {}
    for item in found:
        groups.setdefault(item.name, []).append(item)
    table = Table(title=Text(f"data mirror {root}"), title_justify="left")
    table.add_column("for", no_wrap=True)
    table.add_column("from", overflow="fold")
    for heading in ("files", "rows", "size"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("state")
    for name, items in groups.items():
        origins = list(dict.fromkeys(item.origin for item in items))
        more = f" and {len(origins) - 1} more" if origins[1:] else ""
        rows = sum(item.rows or 0 for item in items)
        size = sum(item.bytes for item in items) / 1e6
        numbers = (f"{len(items)}", f"{rows:,}", f"{size:,.1f} MB")
        table.add_row(Text(name), Text(origins[0] + more), *numbers, _state(items))
    odd = [Text(f"{item.file}: {item.problem}") for item in found if item.problem]
    return Group(table, *odd)


def _state(items: Sequence[Fetched]) -> Text:
    states = [item.state for item in items]
    counts = {name: states.count(name) for name in ("written", "kept", "failed")}
    styles = {"written": "green", "kept": "green", "failed": "red"}
    text = Text()
    for name, count in counts.items():
        if count:
            said = name if count == len(items) else f"{count} {name}"
            text.append(f"{', ' if text.plain else ''}{said}", style=styles[name])
    return text
