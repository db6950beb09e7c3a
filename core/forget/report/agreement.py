"""How well an engine agrees with lm-eval's own model, or with itself, for people and machines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.errors import CheckFailed
from forget.evaluation.agreement import Agreement

__all__ = ["agreements_as_plain", "render_agreements", "require"]

_SHOWN = 5
"""Items that a message names."""


def render_agreements(title: str, agreements: Sequence[Agreement]) -> RenderableType:
    """Return a table with a line for each exam, and the items that differ beyond rounding."""
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("benchmark", no_wrap=True)
    headings = ("items", "max |d log p|", "near ties", "other texts", "score", "other", "faults")
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    for found in agreements:
        gap = "-" if found.largest is None else f"{found.largest:.1e}"
        counts = (f"{found.items:,}", gap, f"{found.close:,}", f"{found.texts:,}")
        scores = (f"{100 * found.score:.2f}", f"{100 * found.other_score:.2f}")
        table.add_row(found.exam, *counts, *scores, f"{len(found.disagreements):,}")
    return Group(table, *(Text(line) for line in _faults(agreements)))


def agreements_as_plain(agreements: Sequence[Agreement]) -> list[dict[str, Any]]:
    """Return the documented JSON: a list with an object for each exam."""
    return [
        {
            "benchmark": found.exam,
            "items": found.items,
            "largest_difference": found.largest,
            "near_ties": found.close,
            "other_texts": found.texts,
            "score": found.score,
            "other_score": found.other_score,
            "disagreements": [fault._asdict() for fault in found.disagreements],
        }
        for found in agreements
    ]


def require(agreements: Sequence[Agreement]) -> None:
    """Have the command fail if any item differs by more than rounding.

    Raises:
        CheckFailed: The message names the first items.
    """
    faults = _faults(agreements)
    if faults:
        more = f" and {len(faults) - _SHOWN:,} more" if len(faults) > _SHOWN else ""
        raise CheckFailed(
            f"{len(faults):,} item(s) differ from lm-eval's own model: "
            f"{'; '.join(faults[:_SHOWN])}{more}."
        )


def _faults(agreements: Sequence[Agreement]) -> list[str]:
    return [
        f"{fault.task} item {fault.doc_id}: {fault.what}"
        for found in agreements
        for fault in found.disagreements
    ]
