"""Two models compared by `forget compare`, for people and machines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.report.terminal import change_cells, items_cell, points
from forget.verdict.gate import Compared, Comparison

__all__ = ["comparison_as_json", "render_compared"]

_EXPLANATION = (
    "delta = {other} - {base} on the same items, in points of 100; negative = lost. ± is its "
    "standard error, p the chance of such a difference between equal models, adjusted by Holm for "
    "the number of benchmarks; at least = one-sided 95 % bound of delta."
)


def render_compared(comparison: Comparison, failures: Sequence[str]) -> RenderableType:
    """Return a table, what stands against the comparison or the other side, and how to read it.

    Args:
        comparison: What was compared.
        failures: Why the other side may not replace the base.
    """
    base, other = comparison.base.name, comparison.other.name
    return Group(
        Text(f"{other} against {base}", style="bold"),
        _table(comparison),
        *(Text(note) for note in _notes(comparison)),
        *(Text(sentence, style="red") for sentence in failures),
        Text(),
        Text(_EXPLANATION.format(base=base, other=other), style="dim"),
    )


def comparison_as_json(
    comparison: Comparison, margin: float, failures: Sequence[str]
) -> dict[str, Any]:
    """Return the documented JSON of `forget compare --json`.

    Args:
        comparison: What was compared.
        margin: The largest drop that is accepted, a share.
        failures: Why the other side may not replace the base.
    """
    average = comparison.average
    return {
        "base": {"name": comparison.base.name, "model": comparison.base.model},
        "other": {"name": comparison.other.name, "model": comparison.other.model},
        "benchmarks": [_plain(one) for one in comparison.benchmarks],
        "average": {
            "delta": average.delta,
            "stderr": average.stderr,
            "p": comparison.average_p,
            "low": comparison.average_low,
        },
        "task_accuracy": _plain(comparison.task) if comparison.task else None,
        "max_drop": margin,
        "failures": list(failures),
        "despite": [difference._asdict() for difference in comparison.despite],
        "unchecked": list(comparison.unchecked),
        "not_compared": [
            {"benchmark": name, "reason": reason} for name, reason in comparison.left_out.items()
        ],
    }


def _table(comparison: Comparison) -> Table:
    table = Table()
    table.add_column("benchmark", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    for heading in ("base", "score", "delta", "±", "p", "at least", "items"):
        table.add_column(heading, justify="right", no_wrap=True)
    for one in comparison.benchmarks:
        table.add_row(*_row(one, one.p_holm))
    table.add_section()
    low, p = comparison.average_low, comparison.average_p
    table.add_row("average", "", "", "", *change_cells(comparison.average), _p(p), _low(low), "")
    if comparison.task is not None:
        table.add_section()
        table.add_row(*_row(comparison.task, comparison.task.p))
    return table


def _row(one: Compared, p: float | None) -> list[str | Text]:
    return [
        one.answered.benchmark,
        one.answered.metric,
        points(one.base_score),
        points(one.score),
        *change_cells(one.change),
        _p(p),
        _low(one.low),
        items_cell(one.change.items, one.answered.required_items),
    ]


def _p(p: float | None) -> str:
    if p is None:
        return "-"
    return "< .001" if p < 0.001 else f"{p:.3f}"


def _low(low: float | None) -> str:
    return "-" if low is None else f"{100 * low:+.1f}"


def _notes(comparison: Comparison) -> Iterator[str]:
    for setting, base, other in comparison.despite:
        values = f"{_short(base)} in {comparison.base.name}, {_short(other)} in"
        yield f"compared in spite of unlike {setting}: {values} {comparison.other.name}"
    if comparison.unchecked:
        yield f"told by one side alone, so not checked: {', '.join(comparison.unchecked)}"
    for name, reason in comparison.left_out.items():
        yield f"{name} is not compared: {reason}"


def _short(value: str | None) -> str:
    if value is None:
        return "not set"
    return value if len(value) <= 60 else f"{value[:57]}..."


def _plain(one: Compared) -> dict[str, Any]:
    return {
        "benchmark": one.answered.benchmark,
        "metric": one.answered.metric,
        "score": one.score,
        "base_score": one.base_score,
        "delta": one.change.delta,
        "stderr": one.change.stderr,
        "items": one.change.items,
        "required_items": one.answered.required_items,
        "lost": one.change.lost,
        "gained": one.change.gained,
        "p": one.p,
        "p_holm": one.p_holm,
        "low": one.low,
    }
