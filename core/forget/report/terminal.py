"""Findings as tables in a terminal, with the words a reader needs to understand them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from forget.metrics import Average, PairedDifference
from forget.report.plain import completeness
from forget.verdict.findings import CheckpointFindings, Finding, Findings
from forget.verdict.judging import Judgement
from forget.verdict.terms import Terms
from forget.verdict.words import TITLES, in_points

__all__ = [
    "STYLES",
    "Snug",
    "change_cells",
    "checkpoint_summary",
    "checkpoint_table",
    "ends",
    "how_to_read",
    "nats",
    "points",
    "probability",
    "render",
    "signed",
]

_SHORT = 14
"""Characters of a metric's name that stay on one line."""
_WIDE = 110
"""Columns of a terminal that has room for metrics."""
_NARROW = 96
"""Columns below which there is none for blanks around numbers."""
STYLES: Final[dict[str, str]] = {
    "forgot": "bold red",
    "improved": "green",
    "kept": "",
    "inconclusive": "dim",
}
"""How a verdict looks in a terminal."""


def render(findings: Findings, *, every: bool = False) -> RenderableType:
    """Return a table of each checkpoint that is judged, and how to read it.

    Of a run that is its last step, and the models made of it; the steps before have a line each.

    Args:
        findings: What was found.
        every: A table for each of the steps before, too.
    """
    parts: list[RenderableType] = []
    judged = findings.judged
    if len(judged) < len(findings.checkpoints) and not every:
        parts += [_trajectory(findings), Text()]
    for checkpoint in findings.checkpoints if every else judged:
        heading = f"{checkpoint.name} against {findings.record.base_model}"
        parts += [
            Text(heading, style="bold"),
            checkpoint_table(checkpoint),
            *checkpoint_summary(checkpoint),
            Text(),
        ]
    if not findings.checkpoints:
        parts.append(Text("There is no checkpoint yet."))
    return Group(*parts, how_to_read(findings.terms, "checkpoint - base", "forgotten"))


def how_to_read(terms: Terms, delta: str, lost: str) -> Text:
    """Explain the columns of `checkpoint_table`.

    Args:
        terms: What the verdicts are held to.
        delta: Which model less which other a delta is.
        lost: What a negative delta means.
    """
    counted = "benchmarks of all checkpoints" if terms.over == "checkpoints" else "benchmarks"
    return Text(
        f"delta = {delta} on the same items, in points of 100, with its {100 * terms.level:g} % "
        f"confidence interval; negative = {lost}. p is corrected for the number of {counted} "
        f"(Holm). forgot, improved: p < {terms.alpha:g}. kept: a drop of more than the margin "
        f"({in_points(terms.margin)} points) is ruled out. inconclusive: too few items to say.",
        style="dim",
    )


def _trajectory(findings: Findings) -> RenderableType:
    """Return a line for each checkpoint: what it learned, and what it forgot on average."""
    table = Table(title="all checkpoints", title_justify="left")
    table.add_column("checkpoint", overflow="fold")
    for heading in ("task", "average", "band"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worst", overflow="fold")
    table.add_column("KL", justify="right", no_wrap=True)
    table.add_column("forgot", overflow="fold")
    for checkpoint in findings.checkpoints:
        task, average, worst = checkpoint.task, checkpoint.average, checkpoint.worst
        judgement = checkpoint.judgement
        forgot = [f for f in checkpoint.benchmarks if f.judgement.verdict == "forgot"]
        scored = f"{len(checkpoint.benchmarks)} of {len(findings.record.benchmarks)} benchmarks"
        table.add_row(
            checkpoint.name,
            points(task.score) if task else "-",
            signed(average.delta) if average else scored,
            ends(judgement.band) if average and judgement else "",
            f"{worst.benchmark} {signed(worst.change.delta)}" if worst else "-",
            nats(checkpoint.drift.get("kl_to_base"), digits=2),
            ", ".join(f.benchmark for f in forgot) or "-",
        )
    return Snug(table)


def checkpoint_table(checkpoint: CheckpointFindings) -> RenderableType:
    """Return a line for each benchmark, and their average, for whatever width there is."""
    return _Benchmarks(checkpoint)


class Snug:
    """A table of which, where the terminal is narrow, the blanks around numbers give way."""

    def __init__(self, table: Table) -> None:
        self._table = table

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table for the width there is."""
        self._table.padding = (0, 1 if options.max_width >= _NARROW else 0)
        yield self._table


class _Benchmarks:
    """The table of a checkpoint; where the terminal is narrow, the metrics give way."""

    def __init__(self, checkpoint: CheckpointFindings) -> None:
        self._checkpoint = checkpoint

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the table for the width there is."""
        metrics = options.max_width >= _WIDE
        table = Table()
        for heading in ("benchmark", *["metric"] * metrics):
            table.add_column(heading, overflow="fold")
        for heading in ("base", "score", "delta", "interval", "p"):
            table.add_column(heading, justify="right", no_wrap=True)
        table.add_column("verdict", no_wrap=True)
        table.add_column("items", justify="right", no_wrap=True)
        for name, metric, *cells in _lines(self._checkpoint):
            if name == "average":
                table.add_section()
            table.add_row(name, *[metric] * metrics, *cells)
        yield Snug(table)


def _lines(checkpoint: CheckpointFindings) -> Iterator[list[str | Text]]:
    """Yield the cells of each benchmark, and of the average."""
    for finding in checkpoint.benchmarks:
        numbers = [points(finding.base_score), points(finding.score)]
        judged = _judged(finding.change, finding.judgement)
        items = completeness(finding)
        yield [finding.benchmark, _broken(finding.metric), *numbers, *judged, items]
    for name in checkpoint.missing:
        yield [name, *[""] * 6, "not evaluated", ""]
    if checkpoint.average is not None and checkpoint.judgement is not None:
        judged = _judged(checkpoint.average, checkpoint.judgement)
        yield ["average", "", "", "", *judged, ""]


def _judged(
    change: PairedDifference | Average, judgement: Judgement
) -> tuple[str | Text, str, str, Text]:
    """Return the cells of delta, interval, p and verdict."""
    style = STYLES[judgement.verdict]
    return (
        Text(signed(change.delta), style=style),
        ends(judgement.interval),
        "-" if judgement.p_holm is None else probability(judgement.p_holm),
        Text(judgement.verdict, style=style),
    )


def checkpoint_summary(checkpoint: CheckpointFindings) -> Iterator[Text]:
    """Yield in words what the table cannot say: average, worst, task, distance from the base."""
    worst, task = checkpoint.worst, checkpoint.task
    if checkpoint.judgement is not None:
        what = "average" if checkpoint.average else "average of those that are evaluated"
        yield _sentence(what, checkpoint.judgement)
    if worst is not None and worst.change.delta < 0:
        yield Text(f"worst: {worst.benchmark} {_corrected(worst, len(checkpoint.benchmarks))}")
    elif worst is not None:
        yield Text("worst: no benchmark lost anything")
    for finding in checkpoint.benchmarks:
        if finding.judgement.verdict in ("forgot", "improved"):
            yield _sentence(finding.benchmark, finding.judgement)
    if task is not None:
        yield Text(_task(task))
    if checkpoint.drift:
        yield Text(_distance(checkpoint.drift))


def _task(task: Finding) -> str:
    said = (
        f"task accuracy ({task.benchmark.removeprefix('task:')}, {task.change.items} held-out "
        f"problems): {points(task.base_score)} -> {points(task.score)} "
        f"({signed(task.change.delta)} {ends(task.judgement.interval)})"
    )
    cut, base_cut = (x.get("truncation_rate") for x in (task.details, task.base_details))
    if cut is None or base_cut is None:
        return said
    return f"{said}; cut at the length limit: {points(base_cut)} % -> {points(cut)} %"


def _broken(name: str) -> str:
    """Break a long name after an underscore."""
    if len(name) <= _SHORT or "_" not in name[:_SHORT]:
        return name
    at = name.rindex("_", 0, _SHORT) + 1
    return f"{name[:at]}\n{name[at:]}"


def _sentence(what: str, judgement: Judgement) -> Text:
    """Say a verdict and its reason."""
    style = STYLES[judgement.verdict]
    verdict = Text(TITLES[judgement.verdict], style=style)
    return Text(f"{what}: ").append(verdict).append(f". {judgement.reason}")


def _corrected(worst: Finding, number: int) -> str:
    """Say how sure the worst is, being the worst of so many."""
    judgement = worst.judgement
    said = signed(worst.change.delta)
    if judgement.corrected is None or judgement.p_max is None:
        return said
    return (
        f"{said} {ends(judgement.corrected)}, allowing for its being the worst of "
        f"{number}; p = {probability(judgement.p_max)}"
    )


def _distance(drift: Mapping[str, Any]) -> str:
    kl, stderr = drift["kl_to_base"], drift["kl_to_base_stderr"]
    error = "" if stderr is None else f" ± {nats(stderr)}"
    far = "no finite KL" if kl is None else f"KL {nats(kl)}{error} nats a token"
    said = f"distance from the base: {far} on {drift['prompts']:,} task prompts"
    if drift["unchanged_weights"] is None:
        return said
    return (
        f"{said}; {points(drift['unchanged_weights'])} % of the weights unchanged, "
        f"relative change {drift['relative_change']:.1e}"
    )


def change_cells(
    change: PairedDifference | Average, judgement: Judgement | None
) -> tuple[Text, str]:
    """Return a delta, coloured where it is more than chance, and its standard error."""
    style = STYLES[judgement.verdict] if judgement else ""
    return Text(signed(change.delta), style=style), _error(change.stderr)


def nats(value: float | None, digits: int = 3) -> str:
    """Write a divergence with so many digits; `-` for one that is infinite or not known."""
    return "-" if value is None else f"{value:#.{digits}g}"


def points(share: float) -> str:
    """Write a share in points of 100."""
    return f"{100 * share:.1f}"


def signed(share: float) -> str:
    """Write a change of a share in points of 100, with its sign."""
    return f"{100 * share:+.1f}"


def ends(interval: tuple[float, float] | None) -> str:
    """Write the two ends of an interval in points of 100; `-` for none."""
    return "-" if interval is None else f"[{signed(interval[0])}, {signed(interval[1])}]"


def probability(p: float) -> str:
    """Write a p-value with two digits."""
    return "<.0001" if p < 1e-4 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"


def _error(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"
