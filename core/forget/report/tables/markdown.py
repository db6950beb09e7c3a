"""The main tables as Markdown, which GitHub and editors show."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence

from forget.report import markdown
from forget.report.material import Material
from forget.report.selection import change_in_points
from forget.report.tables.layout import Change, Table, base_score
from forget.verdict.words import in_points

__all__ = ["as_markdown"]

_MARKS = {"forgot": ("**", " ↓"), "improved": ("*", " ↑"), "kept": ("", " †")}
"""What stands around a delta, and behind its error."""


def as_markdown(material: Material, tables: Sequence[Table]) -> str:
    """Return a document of all tables, how to read them, and the command that makes it again."""
    return "\n".join(_parts(material, tables))


def _parts(material: Material, tables: Sequence[Table]) -> Iterator[str]:
    yield f"# {_plain(material.title)}\n"
    yield (
        "Change of the last checkpoint against the base model on the same items, in points of "
        "100, ± its standard error; negative is forgotten.\n"
    )
    yield (
        "**bold** ↓: forgot; *italic* ↑: improved; †: no forgetting beyond the margin of "
        f"{in_points(material.margin)} points; unmarked: inconclusive; \\*: not all items of the "
        "benchmark, or not all benchmarks of the average; –: not evaluated.\n"
    )
    for table in tables:
        yield f"## {_plain(table.name)}\n" if table.name else "## Comparison\n"
        heading = ("benchmark", "base", *map(_plain, table.columns))
        yield markdown.table(heading, _lines(table))
    command = " ".join(material.command.split())
    fence = "`" * (1 + max(map(len, re.findall("`+", command)), default=2))
    yield f"{fence}console\n$ {command}\n{fence}\n"


def _lines(table: Table) -> Iterator[list[str]]:
    for exam in table.rows:
        changes = (table.changes.get((exam.name, who)) for who in table.columns)
        yield [_plain(exam.title), base_score(table, exam.name, "–"), *map(_cell, changes)]


def _cell(change: Change | None) -> str:
    if change is None:
        return "–"
    around, sign = _MARKS.get(change.verdict, ("", ""))
    error = f" ± {100 * change.stderr:.1f}" if math.isfinite(change.stderr) else ""
    few = r" \*" if change.few else ""
    return f"{around}{change_in_points(change.delta)}{around}{error}{sign}{few}"


def _plain(name: str) -> str:
    """Write a name so that nothing of it is Markdown or HTML."""
    return re.sub(r"([\\`*_\[\]<>&#~$])", r"\\\1", " ".join(name.split()))
