"""Pairs the items of base and checkpoint and computes what changed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.errors import DataError
from forget.evaluation.items import read_scores
from forget.evaluation.record import ModelLine, SweepRecord
from forget.evaluation.sweep import Evaluation, intact_evaluation
from forget.metrics import Average, PairedDifference, macro_average, paired_difference

__all__ = ["CheckpointFindings", "Finding", "Findings", "collect"]


@attrs.frozen(kw_only=True)
class Finding:
    """One checkpoint on one benchmark, against the base.

    Attributes:
        benchmark: The benchmark, or the task exam.
        metric: The metric that counts.
        score: The checkpoint's score.
        base_score: The base model's score on the same items.
        change: Paired difference of the two.
        details: What else the checkpoint's evaluation says.
        base_details: The same of the base's.
    """

    benchmark: str
    metric: str
    score: float
    base_score: float
    change: PairedDifference
    details: dict[str, float]
    base_details: dict[str, float]


@attrs.frozen(kw_only=True)
class CheckpointFindings:
    """One checkpoint on all benchmarks.

    Attributes:
        name: See `ModelLine`.
        step: See `ModelLine`.
        benchmarks: What changed on each benchmark.
        missing: Benchmarks that are not evaluated yet.
        task: What changed on the trained task.
        drift: How far it is from the base; empty where that was not measured.
    """

    name: str
    step: int | None
    benchmarks: tuple[Finding, ...]
    missing: tuple[str, ...]
    task: Finding | None
    drift: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def average(self) -> Average | None:
        """Mean delta over the benchmarks; None while some are missing."""
        return None if self.missing else self.average_so_far

    @property
    def average_so_far(self) -> Average | None:
        """Mean delta over those benchmarks that are evaluated; None if none is."""
        if not self.benchmarks:
            return None
        return macro_average([finding.change for finding in self.benchmarks])

    @property
    def worst(self) -> Finding | None:
        """The benchmark that lost most."""
        return min(self.benchmarks, key=lambda finding: finding.change.delta, default=None)


@attrs.frozen(kw_only=True)
class Findings:
    """Everything a report says of one sweep."""

    record: SweepRecord
    checkpoints: tuple[CheckpointFindings, ...]


class _Scored(NamedTuple):
    evaluation: Evaluation
    scores: dict[tuple[str, str, int], float]


def collect(record: SweepRecord, root: Path) -> Findings:
    """Read the evaluations a record names and compare each checkpoint with the base.

    Args:
        record: What was compared.
        root: The output folder that the record's paths are relative to.

    Raises:
        DataError: Base and checkpoint were asked different items, or the base is not evaluated.
    """
    base = {exam: _load(root / folder) for exam, folder in record.base.evaluations.items()}
    return Findings(
        record=record,
        checkpoints=tuple(_checkpoint(line, record, base, root) for line in record.checkpoints),
    )


def _checkpoint(
    line: ModelLine, record: SweepRecord, base: dict[str, _Scored | None], root: Path
) -> CheckpointFindings:
    findings = {exam: _finding(exam, line, base, root) for exam in line.evaluations}
    present = (findings.get(benchmark) for benchmark in record.benchmarks)
    return CheckpointFindings(
        name=line.name,
        step=line.step,
        benchmarks=tuple(finding for finding in present if finding is not None),
        missing=tuple(b for b in record.benchmarks if findings.get(b) is None),
        task=findings.get(record.task) if record.task else None,
        drift=line.drift,
    )


def _finding(
    exam: str, line: ModelLine, base: dict[str, _Scored | None], root: Path
) -> Finding | None:
    scored, reference = _load(root / line.evaluations[exam]), base.get(exam)
    if scored is None:
        return None
    if reference is None:
        raise DataError(
            f"The base model has not been evaluated on {exam}, so {line.name} cannot be compared "
            "with it. Run the command again to evaluate it."
        )
    if reference.scores.keys() != scored.scores.keys():
        differing = len(reference.scores.keys() ^ scored.scores.keys())
        raise DataError(
            f"Base and {line.name} were asked different items of {exam} ({differing} are in one "
            "only), so they cannot be paired. Evaluate both with the same data and --limit."
        )
    keys = list(reference.scores)
    return Finding(
        benchmark=exam,
        metric=scored.evaluation.metric,
        score=scored.evaluation.score,
        base_score=reference.evaluation.score,
        change=paired_difference(
            [reference.scores[key] for key in keys], [scored.scores[key] for key in keys]
        ),
        details=scored.evaluation.details,
        base_details=reference.evaluation.details,
    )


def _load(folder: Path) -> _Scored | None:
    evaluation = intact_evaluation(folder)
    return None if evaluation is None else _Scored(evaluation, read_scores(evaluation.items_file))
