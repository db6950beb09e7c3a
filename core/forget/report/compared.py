"""Two models compared by `forget compare`, for people and machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from forget.report.plain import checkpoint_as_plain
from forget.report.terminal import checkpoint_summary, checkpoint_table, how_to_read
from forget.verdict.gate import Comparison

__all__ = ["comparison_as_json", "render_compared"]


def render_compared(comparison: Comparison, failures: Sequence[str]) -> RenderableType:
    """Return a table, what stands against the comparison or the other side, and how to read it.

    Args:
        comparison: What was compared.
        failures: Why the other side may not replace the base.
    """
    base, other = comparison.base.name, comparison.other.name
    return Group(
        Text(f"{other} against {base}", style="bold"),
        checkpoint_table(comparison.found),
        *checkpoint_summary(comparison.found),
        *(Text(note) for note in _notes(comparison)),
        *(Text(sentence, style="red") for sentence in failures),
        Text(),
        how_to_read(comparison.terms, f"{other} - {base}", "lost"),
    )


def comparison_as_json(comparison: Comparison, failures: Sequence[str]) -> dict[str, Any]:
    """Return the documented JSON of `forget compare --json`.

    Args:
        comparison: What was compared.
        failures: Why the other side may not replace the base.
    """
    found = checkpoint_as_plain(comparison.found)
    return {
        "base": {"name": comparison.base.name, "model": comparison.base.model},
        "other": {"name": comparison.other.name, "model": comparison.other.model},
        **{name: found[name] for name in ("benchmarks", "average", "worst", "task_accuracy")},
        "max_drop": comparison.terms.margin,
        "failures": list(failures),
        "despite": [difference._asdict() for difference in comparison.despite],
        "unchecked": list(comparison.unchecked),
        "not_compared": [
            {"benchmark": name, "reason": reason} for name, reason in comparison.left_out.items()
        ],
    }


def _notes(comparison: Comparison) -> Iterator[str]:
    for setting, base, other in comparison.despite:
        values = f"{_short(base)} in {comparison.base.name}, {_short(other)} in"
        yield f"compared in spite of unlike {setting}: {values} {comparison.other.name}"
    if comparison.unchecked:
        yield f"not told by both sides, so not checked: {', '.join(comparison.unchecked)}"
    for name, reason in comparison.left_out.items():
        yield f"{name} is not compared: {reason}"


def _short(value: str | None) -> str:
    if value is None:
        return "not set"
    return value if len(value) <= 60 else f"{value[:57]}..."
