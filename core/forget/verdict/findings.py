"""Pairs the items of base and checkpoints, and says of each exam what changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray

from forget.errors import DataError
from forget.evaluation.record import ModelLine, SweepRecord
from forget.evaluation.sweep import Evaluation
from forget.metrics.paired import Average, PairedDifference, macro_average
from forget.metrics.trajectory import covariance, simultaneous_factor
from forget.verdict.evidence import Evidence, weigh
from forget.verdict.judging import Case, Judgement, judge_alone, judge_average, judge_together
from forget.verdict.pairing import Scored, clusters_of, in_order_of, scored_by
from forget.verdict.terms import Terms

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
        judgement: What is said of it, and how sure that is.
        chance: What guessing would score; None where that is not known.
        details: What else the checkpoint's evaluation says.
        base_details: The same of the base's.
    """

    benchmark: str
    metric: str
    score: float
    base_score: float
    change: PairedDifference
    judgement: Judgement
    chance: float | None
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
        average_so_far: Mean delta over those benchmarks that are evaluated; None if none is.
        judgement: What is said of that mean.
        drift: How far it is from the base; empty where that was not measured.
    """

    name: str
    step: int | None
    benchmarks: tuple[Finding, ...]
    missing: tuple[str, ...]
    task: Finding | None
    average_so_far: Average | None
    judgement: Judgement | None
    drift: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def average(self) -> Average | None:
        """Mean delta over the benchmarks; None while some are missing."""
        return None if self.missing else self.average_so_far

    @property
    def worst(self) -> Finding | None:
        """The benchmark that lost most."""
        return min(self.benchmarks, key=lambda finding: finding.change.delta, default=None)


@attrs.frozen(kw_only=True)
class Findings:
    """Everything a report says of one sweep.

    Attributes:
        record: What was compared.
        checkpoints: What changed at each of them.
        terms: What verdicts are held to.
    """

    record: SweepRecord
    checkpoints: tuple[CheckpointFindings, ...]
    terms: Terms = attrs.field(factory=Terms)

    @property
    def judged(self) -> list[CheckpointFindings]:
        """The last step of a run and the models made of it; all that are no steps of a run."""
        last = max((c.step for c in self.checkpoints if c.step is not None), default=None)
        return [c for c in self.checkpoints if c.step in (None, last)]


class _Pair(NamedTuple):
    """One checkpoint on one exam."""

    base: Evaluation
    other: Evaluation
    evidence: Evidence


def collect(record: SweepRecord, root: Path, terms: Terms | None = None) -> Findings:
    """Read the evaluations a record names and compare each checkpoint with the base.

    Args:
        record: What was compared.
        root: The output folder that the record's paths are relative to.
        terms: What verdicts are held to.

    Raises:
        DataError: Base and checkpoint were asked different items, the base is not evaluated, or a
            score is not a number.
    """
    terms = terms or Terms()
    exams = [*record.benchmarks, *([record.task] if record.task else [])]
    pairs = {exam: _pairs(exam, record, root) for exam in exams}
    factors = {exam: _factor(found, record, terms.level) for exam, found in pairs.items()}
    judged = _judgements(record, pairs, factors, terms)
    over_all = _average_factor([pairs[name] for name in record.benchmarks], record, terms.level)
    checkpoints = []
    for index, line in enumerate(record.checkpoints):
        found = {
            exam: _finding(exam, pair, judged[exam, index], terms)
            for exam in exams
            if (pair := pairs[exam][index]) is not None
        }
        scored = [name for name in record.benchmarks if name in found]
        parts = [p.evidence for name in scored if (p := pairs[name][index]) is not None]
        average = macro_average([part.change for part in parts]) if parts else None
        whole = len(scored) == len(record.benchmarks) and line.step is not None
        factor = over_all if whole else None
        checkpoints.append(
            CheckpointFindings(
                name=line.name,
                step=line.step,
                benchmarks=tuple(found[name] for name in scored),
                missing=tuple(name for name in record.benchmarks if name not in found),
                task=found.get(record.task) if record.task else None,
                average_so_far=average,
                judgement=judge_average(average, parts, factor, terms) if average else None,
                drift=line.drift,
            )
        )
    return Findings(record=record, checkpoints=tuple(checkpoints), terms=terms)


def _pairs(exam: str, record: SweepRecord, root: Path) -> list[_Pair | None]:
    """Compare each checkpoint with the base on one exam; None where it is not evaluated."""
    base = scored_by(record.base, exam, root)
    clusters = clusters_of(base.items.tasks, base.items.clusters) if base else None
    return [_pair(exam, line, base, clusters, root) for line in record.checkpoints]


def _pair(
    exam: str,
    line: ModelLine,
    base: Scored | None,
    clusters: NDArray[np.intp] | None,
    root: Path,
) -> _Pair | None:
    other = scored_by(line, exam, root)
    if other is None:
        return None
    if base is None:
        raise DataError(
            f"The base model has not been evaluated on {exam}, so {line.name} cannot be compared "
            "with it. Run the command again to evaluate it."
        )
    scores = in_order_of(base, other, exam, line.name)
    evidence = weigh(base.items.scores, scores, clusters, exam)
    return _Pair(base.evaluation, other.evaluation, evidence)


def _factor(pairs: Sequence[_Pair | None], record: SweepRecord, level: float) -> float | None:
    """Return how many standard errors the run's band on an exam needs; None without a run."""
    found = _units(pairs, record)
    if len(found) < 2:
        return None
    units = np.stack([evidence.units for evidence in found], axis=1)
    degrees = _fewest_degrees([evidence.change for evidence in found])
    return simultaneous_factor(covariance(units, found[0].sizes), level, degrees)


def _average_factor(
    exams: Sequence[Sequence[_Pair | None]], record: SweepRecord, level: float
) -> float | None:
    """Return the same for the average of those checkpoints that have all benchmarks."""
    whole = [all(pair is not None for pair in column) for column in zip(*exams, strict=True)]
    total: NDArray[np.float64] | None = None
    changes: list[list[PairedDifference]] = []
    for pairs in exams:
        kept = [pair if all_there else None for pair, all_there in zip(pairs, whole, strict=True)]
        found = _units(kept, record)
        if len(found) < 2:
            return None
        units = np.stack([evidence.units for evidence in found], axis=1)
        own = covariance(units, found[0].sizes)
        total = own if total is None else total + own
        changes.append([evidence.change for evidence in found])
    if total is None:
        return None
    averages = [macro_average(column) for column in zip(*changes, strict=True)]
    return simultaneous_factor(total, level, _fewest_degrees(averages))


def _fewest_degrees(changes: Sequence[PairedDifference | Average]) -> float:
    return min((c.estimate.degrees for c in changes if c.estimate is not None), default=inf)


def _units(pairs: Sequence[_Pair | None], record: SweepRecord) -> list[Evidence]:
    """Return the evidence on those models of a sweep that are steps of one training."""
    lines = zip(pairs, record.checkpoints, strict=True)
    return [pair.evidence for pair, line in lines if pair is not None and line.step is not None]


def _judgements(
    record: SweepRecord,
    pairs: Mapping[str, Sequence[_Pair | None]],
    factors: Mapping[str, float | None],
    terms: Terms,
) -> dict[tuple[str, int], Judgement]:
    """Judge every exam of every checkpoint, the benchmarks of one checkpoint together."""

    def case(name: str, index: int, pair: _Pair) -> Case:
        trained = record.checkpoints[index].step is not None
        factor = factors[name] if trained else None
        return Case(pair.evidence, pair.base.score, _chance(name, terms), factor)

    judged: dict[tuple[str, int], Judgement] = {}
    rows: list[dict[str, Case]] = []
    for index in range(len(record.checkpoints)):
        there = ((name, pairs[name][index]) for name in record.benchmarks)
        rows.append({name: case(name, index, pair) for name, pair in there if pair is not None})
        pair = pairs[record.task][index] if record.task else None
        if record.task and pair is not None:
            judged[record.task, index] = judge_alone(case(record.task, index, pair), terms)
    together = judge_together([list(row.values()) for row in rows], terms)
    for index, (row, judgements) in enumerate(zip(rows, together, strict=True)):
        judged |= {(name, index): found for name, found in zip(row, judgements, strict=True)}
    return judged


def _chance(name: str, terms: Terms) -> float | None:
    if name.startswith("task:"):
        return 0.0
    known = terms.benchmarks.get(name)
    return known.chance if known else None


def _finding(exam: str, pair: _Pair, judgement: Judgement, terms: Terms) -> Finding:
    return Finding(
        benchmark=exam,
        metric=pair.other.metric,
        score=pair.other.score,
        base_score=pair.base.score,
        change=pair.evidence.change,
        judgement=judgement,
        chance=_chance(exam, terms),
        details=pair.other.details,
        base_details=pair.base.details,
    )
