"""Tables of GitHub's Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

__all__ = ["cell", "table"]


def table(heading: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Return a table; what is in its cells cannot break it."""
    rows = [map(cell, heading), ("---",) * len(heading), *(map(cell, line) for line in lines)]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def cell(text: str) -> str:
    """Write a text on one line, without what divides cells."""
    return re.sub(r"\s+", " ", text).replace("|", "\\|")
