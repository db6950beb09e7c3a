"""Several runs beside each other: what each gained and what it cost."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.report.terminal import Snug, change_cells, nats, points, signed
from forget.variants import shown
from forget.verdict.findings import CheckpointFindings, Findings

__all__ = ["Outcome", "apart", "comparison_as_plain", "render_comparison"]


class Outcome(NamedTuple):
    """What one run found.

    Attributes:
        run: Its name for people, parts of which are divided by " / ".
        path: The run directory, or the file of a comparison.
        findings: What it found.
        values: The settings that are swept, if it belongs to a `--sweep`.
    """

    run: str
    path: str
    findings: Findings
    values: Mapping[str, Any] = {}

    @property
    def last(self) -> list[CheckpointFindings]:
        """The last checkpoint, and the models made of it."""
        return self.findings.judged


def render_comparison(outcomes: Sequence[Outcome]) -> RenderableType:
    """Return one table: a line for each run's last checkpoint."""
    names = apart([outcome.run for outcome in outcomes])
    several = any(names)
    table = Table(title="every run's last checkpoint", title_justify="left")
    if several:
        table.add_column("run", overflow="fold")
    for heading in outcomes[0].values:
        table.add_column(heading, no_wrap=True)
    # Names are broken where the terminal is narrow, numbers never.
    table.add_column("checkpoint", overflow="fold")
    for heading in ("task", "change", "±", "average", "±"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("worst", justify="right", overflow="fold")
    table.add_column("KL", justify="right", no_wrap=True)
    for name, outcome in zip(names, outcomes, strict=True):
        named = [name] * several + [shown(value) for value in outcome.values.values()]
        for found in outcome.last:
            kl = nats(found.drift.get("kl_to_base"), digits=2)
            table.add_row(*named, found.name, *_task(found), *_forgotten(found), kl)
    legend = (
        "task = accuracy on the held-out problems, and its change; average and worst = delta of "
        "the benchmarks, negative = forgotten; KL = divergence from the base on task prompts [nats "
        "a token]."
    )
    return Group(Snug(table), Text(legend, style="dim"))


def comparison_as_plain(outcomes: Sequence[Outcome]) -> list[dict[str, Any]]:
    """Return the lines of the table for `--json`."""
    return [_line(outcome, found) for outcome in outcomes for found in outcome.last]


def apart(names: Sequence[str]) -> list[str]:
    """Return what tells names apart: their parts without those that all have alike."""
    parts = [name.split(" / ") for name in names]
    if len({len(found) for found in parts}) > 1:
        return list(names)
    differ = [len(set(column)) > 1 for column in zip(*parts, strict=True)]
    return [
        " / ".join(part for part, kept in zip(found, differ, strict=True) if kept)
        for found in parts
    ]


def _line(outcome: Outcome, found: CheckpointFindings) -> dict[str, Any]:
    task, average, worst = found.task, found.average, found.worst
    return {
        "run": outcome.run,
        "path": outcome.path,
        "values": {name: _json_value(value) for name, value in outcome.values.items()},
        "checkpoint": found.name,
        "task_accuracy": task.score if task else None,
        "task_delta": task.change.delta if task else None,
        "task_stderr": task.change.stderr if task else None,
        "average_delta": average.delta if average else None,
        "average_stderr": average.stderr if average else None,
        "verdict": found.judgement.verdict if average and found.judgement else None,
        "worst": {"benchmark": worst.benchmark, "delta": worst.change.delta} if worst else None,
        "kl_to_base": found.drift.get("kl_to_base"),
    }


def _json_value(value: Any) -> Any:
    """Return a setting as JSON can have it, which knows no infinity."""
    return shown(value) if isinstance(value, float) and not math.isfinite(value) else value


def _task(found: CheckpointFindings) -> Iterator[str | Text]:
    if found.task is None:
        yield from ("-", "-", "-")
        return
    yield points(found.task.score)
    yield from change_cells(found.task.change, found.task.judgement)


def _forgotten(found: CheckpointFindings) -> Iterator[str | Text]:
    if found.average is None or found.worst is None:
        yield from ("-", "-", "-")
        return
    yield from change_cells(found.average, found.judgement)
    if found.worst.change.delta >= 0:
        yield "none"
        return
    yield f"{found.worst.benchmark} {signed(found.worst.change.delta)}"
