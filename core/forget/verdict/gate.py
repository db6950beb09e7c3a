"""Two models compared on the benchmarks they share, and whether the one may replace the other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import attrs

from forget.evaluation.items import scores_of
from forget.metrics.estimate import Estimate
from forget.metrics.paired import macro_average
from forget.verdict.alike import (
    Difference,
    Paired,
    check_questions,
    check_settings,
    pair,
    unchecked,
)
from forget.verdict.answered import Side
from forget.verdict.evidence import Evidence, weigh
from forget.verdict.findings import CheckpointFindings, Finding
from forget.verdict.judging import Case, Judgement, judge_alone, judge_average, judge_together
from forget.verdict.pairing import clusters_of
from forget.verdict.sides import shared
from forget.verdict.terms import Terms

__all__ = ["Comparison", "check_alike", "check_items", "compare_sides", "failures"]


@attrs.frozen(kw_only=True)
class Comparison:
    """What `forget compare` shows.

    Attributes:
        base: The side that is compared with.
        other: The side that may have lost.
        found: What changed on each benchmark that both have answered, and what is said of it.
        terms: What verdicts are held to.
        despite: Settings that differ, as was allowed.
        unchecked: Settings that one side does not tell.
        left_out: Benchmark that is not compared to the reason, where all were asked for.
    """

    base: Side
    other: Side
    found: CheckpointFindings
    terms: Terms
    despite: tuple[Difference, ...]
    unchecked: tuple[str, ...]
    left_out: dict[str, str]


class _Weighed(NamedTuple):
    """One benchmark of a comparison, its items weighed and not yet judged."""

    paired: Paired
    evidence: Evidence

    @property
    def case(self) -> Case:
        """What there is to judge; a comparison of two models has no band."""
        answered = self.paired.other
        chance = 0.0 if answered.is_task else answered.chance
        scores = [item.score for item in self.paired.base_items]
        return Case(self.evidence, sum(scores) / len(scores), chance, None)


def check_alike(
    sides: tuple[Side, Side], wanted: Sequence[str] | None, despite: Sequence[str]
) -> list[Difference]:
    """Refuse two sides that cannot be compared, as far as is known before they are evaluated.

    Args:
        sides: The two sides, base first.
        wanted: The benchmarks to compare; None takes all that both have.
        despite: Settings that may differ.

    Returns:
        The settings that differ and may.

    Raises:
        RequestError: They were not made alike, or lack a benchmark.
    """
    names = (sides[0].name, sides[1].name)
    return check_settings(shared(sides, wanted), names, despite)


def check_items(sides: tuple[Side, Side], wanted: Sequence[str] | None) -> None:
    """Refuse two sides that cannot be paired, before the one is evaluated for nothing.

    Raises:
        DataError: They are asked different items.
    """
    for base, other in shared(sides, wanted):
        check_questions(base, other, (sides[0].name, sides[1].name))


def compare_sides(
    sides: tuple[Side, Side],
    wanted: Sequence[str] | None,
    despite: Sequence[str],
    terms: Terms,
) -> Comparison:
    """Compare two evaluated sides.

    Args:
        sides: See `check_alike`.
        wanted: See `check_alike`.
        despite: See `check_alike`.
        terms: What verdicts are held to; the margin is the largest drop that is accepted.

    Raises:
        RequestError: They were not made alike, or were asked different items.
    """
    base, other = sides
    differing = check_alike(sides, wanted, despite)
    answered = shared(sides, wanted)
    weighed = [_weigh(pair(one, another, (base.name, other.name))) for one, another in answered]
    return Comparison(
        base=base,
        other=other,
        found=_found(other.name, weighed, terms),
        terms=terms,
        despite=tuple(differing),
        unchecked=tuple(sorted({name for pair in answered for name in unchecked(*pair)})),
        left_out={} if wanted else _left_out(base, other),
    )


def failures(comparison: Comparison, *, strict: bool) -> list[str]:
    """Say why the other side may not replace the base, a sentence for each reason.

    Args:
        comparison: What was compared.
        strict: A drop beyond the margin must be ruled out, and not only be unproven.
    """
    terms = comparison.terms
    found = []
    for name, delta, estimate, judgement in _lines(comparison.found):
        changed = f"{name} changed by {100 * delta:+.2f} points"
        low = estimate.lower_bound(1 - terms.alpha) if estimate else None
        if judgement.verdict == "forgot" and delta < -terms.margin:
            found.append(
                f"{changed}, more than the {100 * terms.margin:g} that are accepted, and not by "
                f"chance. {judgement.reason}"
            )
        elif strict and (low is None or low <= -terms.margin):
            bound = "unknown" if low is None else f"{100 * low:+.2f}"
            found.append(
                f"{changed}, and a drop of {100 * terms.margin:g} points is not ruled out "
                f"(one-sided {100 * (1 - terms.alpha):g} % bound {bound}): more items would tell."
            )
    return found


def _lines(found: CheckpointFindings) -> Iterator[tuple[str, float, Estimate | None, Judgement]]:
    """Yield name, difference, its error and judgement of each benchmark and of their average."""
    for one in found.benchmarks:
        yield one.benchmark, one.change.delta, one.change.estimate, one.judgement
    if found.average is not None and found.judgement is not None:
        yield "the average", found.average.delta, found.average.estimate, found.judgement


def _weigh(paired: Paired) -> _Weighed:
    base, other = scores_of(paired.base_items), scores_of(paired.items)
    clusters = clusters_of(base if any(base.clusters) else other)
    return _Weighed(paired, weigh(base.scores, other.scores, clusters, paired.base.benchmark))


def _found(name: str, weighed: Sequence[_Weighed], terms: Terms) -> CheckpointFindings:
    """Judge benchmarks together, and the trained task by itself."""
    benchmarks = [one for one in weighed if not one.paired.other.is_task]
    [judgements] = judge_together([[one.case for one in benchmarks]], terms)
    tasks = [one for one in weighed if one.paired.other.is_task]
    parts = [one.evidence for one in benchmarks]
    average = macro_average([part.change for part in parts])
    return CheckpointFindings(
        name=name,
        step=None,
        benchmarks=tuple(map(_finding, benchmarks, judgements)),
        missing=(),
        task=_finding(tasks[0], judge_alone(tasks[0].case, terms)) if tasks else None,
        average_so_far=average,
        judgement=judge_average(average, parts, None, terms),
    )


def _finding(one: _Weighed, judgement: Judgement) -> Finding:
    base, other = one.paired.base, one.paired.other
    return Finding(
        benchmark=other.benchmark,
        metric=other.metric,
        score=one.case.base_score + one.evidence.change.delta,
        base_score=one.case.base_score,
        change=one.evidence.change,
        judgement=judgement,
        chance=one.case.chance,
        details=dict(other.details),
        base_details=dict(base.details),
    )


def _left_out(base: Side, other: Side) -> dict[str, str]:
    """Return why benchmarks are not compared that one side has."""
    found: dict[str, str] = {}
    for side, against in ((base, other), (other, base)):
        for name in side.answered:
            if name not in against.answered and not name.startswith("task:"):
                found[name] = f"only {side.name} has it"
    for side in (base, other):
        found |= {name: f"{side.name}: {reason}" for name, reason in side.left_out.items()}
    return found
