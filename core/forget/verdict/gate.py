"""Two models compared on the benchmarks they share, and whether the one may replace the other."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from forget.metrics import Average, PairedDifference, macro_average
from forget.verdict.alike import (
    Difference,
    Paired,
    check_questions,
    check_settings,
    pair,
    unchecked,
)
from forget.verdict.answered import Side
from forget.verdict.evidence import weigh
from forget.verdict.findings import CheckpointFindings, Finding
from forget.verdict.judging import Case, Judgement, judge_alone, judge_average, judge_together
from forget.verdict.sides import shared
from forget.verdict.terms import Terms
from forget.verdict.words import in_points, p_value

__all__ = ["Comparison", "check_alike", "check_items", "compare_sides", "failures"]


@attrs.frozen(kw_only=True, eq=False)
class Comparison:
    """What `forget compare` shows.

    Attributes:
        base: The side that is compared with.
        other: The side that may have lost.
        found: What changed on each benchmark that both have answered, and on the trained task if
            both are runs on it.
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
    """Compare two evaluated sides; see `check_alike` for the arguments.

    Raises:
        DataError: They were not made alike, or were asked different items.
    """
    base, other = sides
    differing = check_alike(sides, wanted, despite)
    answered = shared(sides, wanted)
    pairs = [pair(one, another, (base.name, other.name)) for one, another in answered]
    return Comparison(
        base=base,
        other=other,
        found=_findings(other.name, pairs, terms),
        terms=terms,
        despite=tuple(differing),
        unchecked=tuple(sorted({name for pair in answered for name in unchecked(*pair)})),
        left_out={} if wanted else _left_out(base, other),
    )


def failures(comparison: Comparison, *, strict: bool) -> list[str]:
    """Say why the other side may not replace the base, a sentence for each reason.

    Args:
        comparison: What was compared.
        strict: A drop below the margin must be shown, and not only a larger one be unproven.
    """
    found, terms = comparison.found, comparison.terms
    lines: list[tuple[str, PairedDifference | Average, Judgement]] = [
        (one.benchmark, one.change, one.judgement) for one in found.benchmarks
    ]
    if found.average is not None and found.judgement is not None:
        lines.append(("the average", found.average, found.judgement))
    said = (_objection(*line, terms, strict=strict) for line in lines)
    return [sentence for sentence in said if sentence is not None]


def _objection(
    name: str,
    change: PairedDifference | Average,
    judgement: Judgement,
    terms: Terms,
    *,
    strict: bool,
) -> str | None:
    """Say what stands against the other side on one benchmark; None if nothing does."""
    dropped = f"{name} changed by {in_points(change.delta, sign=True)} points"
    margin = in_points(terms.margin)
    if judgement.verdict == "forgot" and change.delta < -terms.margin:
        assert judgement.p_holm is not None
        return (
            f"{dropped}, more than the {margin} that are accepted, and not by chance "
            f"({p_value(judgement.p_holm)})."
        )
    low = change.estimate.lower_bound(1 - terms.alpha) if change.estimate else None
    if not strict or (low is not None and low > -terms.margin):
        return None
    bound = "unknown" if low is None else in_points(low, sign=True)
    return (
        f"{dropped}, and a drop of {margin} points is not ruled out (one-sided "
        f"{100 * (1 - terms.alpha):g} % bound {bound}): more items would tell."
    )


def _findings(name: str, pairs: Sequence[Paired], terms: Terms) -> CheckpointFindings:
    """Judge the benchmarks together, and the trained task by itself."""
    cases = {paired.base.benchmark: _case(paired) for paired in pairs}
    benchmarks = [paired for paired in pairs if not paired.base.is_task]
    judged = judge_together([[cases[one.base.benchmark] for one in benchmarks]], terms)[0]
    found = [
        _finding(one, cases[one.base.benchmark], judgement)
        for one, judgement in zip(benchmarks, judged, strict=True)
    ]
    tasks = [
        _finding(one, case, judge_alone(case, terms))
        for one in pairs
        if one.base.is_task and (case := cases[one.base.benchmark])
    ]
    parts = [cases[one.base.benchmark].evidence for one in benchmarks]
    average = macro_average([part.change for part in parts])
    return CheckpointFindings(
        name=name,
        step=None,
        benchmarks=tuple(found),
        missing=(),
        task=tasks[0] if tasks else None,
        average_so_far=average,
        judgement=judge_average(average, parts, None, terms),
    )


def _case(paired: Paired) -> Case:
    evidence = weigh(paired.base_scores, paired.scores, paired.clusters, paired.base.benchmark)
    chance = 0.0 if paired.base.is_task else paired.base.chance
    return Case(evidence, float(paired.base_scores.mean()), chance, None)


def _finding(paired: Paired, case: Case, judgement: Judgement) -> Finding:
    return Finding(
        benchmark=paired.base.benchmark,
        metric=paired.base.metric,
        score=float(paired.scores.mean()),
        base_score=case.base_score,
        change=case.evidence.change,
        judgement=judgement,
        chance=case.chance,
        details=dict(paired.other.details),
        base_details=dict(paired.base.details),
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
