"""Findings as tables in a terminal, with the words a reader needs to understand them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.metrics import Average, PairedDifference
from forget.report.findings import CheckpointFindings, Finding, Findings

__all__ = ["beyond_error", "change_cells", "items_cell", "nats", "points", "render", "signed"]

_EXPLANATION = (
    "delta = checkpoint - base on the same items, in points of 100; negative = forgotten. "
    "± is the standard error of the paired difference: a delta within two of them may be chance."
)


def render(findings: Findings) -> RenderableType:
    """Return one table per checkpoint, a summary line under each, and how to read them."""
    parts: list[RenderableType] = []
    for checkpoint in findings.checkpoints:
        heading = f"{checkpoint.name} against {findings.record.base_model}"
        parts += [Text(heading, style="bold"), _table(checkpoint), *_summary(checkpoint), Text()]
    if not findings.checkpoints:
        parts.append(Text("There is no checkpoint yet."))
    return Group(*parts, Text(_EXPLANATION, style="dim"))


def _table(checkpoint: CheckpointFindings) -> Table:
    table = Table()
    table.add_column("benchmark", no_wrap=True)
    table.add_column("metric", no_wrap=True)
    for heading in ("base", "score", "delta", "±", "items"):
        table.add_column(heading, justify="right", no_wrap=True)
    for finding in checkpoint.benchmarks:
        table.add_row(finding.benchmark, finding.metric, *_numbers(finding))
    for name in checkpoint.missing:
        table.add_row(name, "", "", "not evaluated", "", "", "")
    if checkpoint.average is not None:
        table.add_section()
        table.add_row("average", "", "", "", *change_cells(checkpoint.average), "")
    return table


def _numbers(finding: Finding) -> list[str | Text]:
    items = items_cell(finding.change.items, finding.details.get("required_items"))
    return [points(finding.base_score), points(finding.score), *change_cells(finding.change), items]


def items_cell(items: int, required: float | None) -> str:
    """Write how many items were scored, and of how many where that is fewer than there are."""
    short = required is not None and items < required
    return f"{items:,} of {required:,}" if short else f"{items:,}"


def _summary(checkpoint: CheckpointFindings) -> Iterator[Text]:
    worst, task = checkpoint.worst, checkpoint.task
    if worst is not None and worst.change.delta < 0:
        yield Text(f"worst: {worst.benchmark} {signed(worst.change.delta)}")
    elif worst is not None:
        yield Text("worst: no benchmark lost anything")
    if task is not None:
        yield Text(
            f"task accuracy ({task.benchmark.removeprefix('task:')}, {task.change.items} held-out "
            f"problems): {points(task.base_score)} -> {points(task.score)} "
            f"({signed(task.change.delta)} ± {_error(task.change.stderr)}); cut at the length "
            f"limit: {points(task.base_details['truncation_rate'])} % -> "
            f"{points(task.details['truncation_rate'])} %"
        )
    if checkpoint.drift:
        yield Text(_distance(checkpoint.drift))


def _distance(drift: Mapping[str, Any]) -> str:
    said = (
        f"distance from the base: KL {nats(drift['kl_to_base'])} ± "
        f"{nats(drift['kl_to_base_stderr'])} nats a token on {drift['prompts']:,} task prompts"
    )
    if drift["unchanged_weights"] is None:
        return said
    return (
        f"{said}; {points(drift['unchanged_weights'])} % of the weights unchanged, "
        f"relative change {drift['relative_change']:.1e}"
    )


def change_cells(change: PairedDifference | Average) -> tuple[Text, str]:
    """Colour a delta only where it is more than two standard errors away from zero."""
    sure = beyond_error(change.delta, change.stderr)
    style = ("red" if change.delta < 0 else "green") if sure else ""
    return Text(signed(change.delta), style=style), _error(change.stderr)


def beyond_error(delta: float, stderr: float | None) -> bool:
    """Say whether a delta is more than two standard errors away from zero."""
    return stderr is not None and abs(delta) > 2 * stderr


def nats(value: float | None, digits: int = 3) -> str:
    """Write a divergence with so many digits; `-` for one that is infinite or not known."""
    return "-" if value is None else f"{value:#.{digits}g}"


def points(share: float) -> str:
    """Write a share in points of 100."""
    return f"{100 * share:.1f}"


def signed(share: float) -> str:
    """Write a change of a share in points of 100, with its sign."""
    return f"{100 * share:+.1f}"


def _error(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
