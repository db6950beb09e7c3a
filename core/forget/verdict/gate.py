"""Two models compared on the benchmarks they share, and whether the one may replace the other."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from forget.metrics import Average, PairedDifference, macro_average, paired_difference
from forget.metrics.multiplicity import holm
from forget.metrics.significance import mcnemar
from forget.verdict.alike import (
    Difference,
    Paired,
    check_questions,
    check_settings,
    pair,
    unchecked,
)
from forget.verdict.answered import Answered, Side
from forget.verdict.sides import shared

__all__ = ["Compared", "Comparison", "check_alike", "check_items", "compare_sides", "failures"]

_ALPHA = 0.05


@attrs.frozen(kw_only=True, eq=False)
class Compared:
    """One benchmark of a comparison.

    Attributes:
        answered: The other side's answers.
        base_score: The base's score.
        score: The other's.
        change: Paired difference of the two.
        p: p-value of no difference; None where items have no spread.
        p_holm: The same, adjusted for how many benchmarks are compared.
        low: One-sided 95 % lower confidence bound of the difference.
    """

    answered: Answered
    base_score: float
    score: float
    change: PairedDifference
    p: float | None
    p_holm: float | None
    low: float | None


@attrs.frozen(kw_only=True, eq=False)
class Comparison:
    """What `forget compare` shows.

    Attributes:
        base: The side that is compared with.
        other: The side that may have lost.
        benchmarks: What changed on each benchmark that both have answered.
        task: What changed on the trained task, if both are runs on it.
        average: Mean difference over the benchmarks.
        average_p: p-value of no difference on average.
        average_low: One-sided 95 % lower confidence bound of it.
        despite: Settings that differ, as was allowed.
        unchecked: Settings that one side does not tell.
        left_out: Benchmark that is not compared to the reason, where all were asked for.
    """

    base: Side
    other: Side
    benchmarks: tuple[Compared, ...]
    task: Compared | None
    average: Average
    average_p: float | None
    average_low: float | None
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
    sides: tuple[Side, Side], wanted: Sequence[str] | None, despite: Sequence[str]
) -> Comparison:
    """Compare two evaluated sides; see `check_alike` for the arguments.

    Raises:
        RequestError: They were not made alike, or were asked different items.
    """
    base, other = sides
    differing = check_alike(sides, wanted, despite)
    answered = shared(sides, wanted)
    found = [_compared(pair(one, another, (base.name, other.name))) for one, another in answered]
    benchmarks = _adjusted([one for one in found if not one.answered.is_task])
    average = macro_average([one.change for one in benchmarks])
    estimate = average.estimate
    return Comparison(
        base=base,
        other=other,
        benchmarks=tuple(benchmarks),
        task=next((one for one in found if one.answered.is_task), None),
        average=average,
        average_p=estimate.p_two_sided() if estimate else None,
        average_low=estimate.lower_bound() if estimate else None,
        despite=tuple(differing),
        unchecked=tuple(sorted({name for pair in answered for name in unchecked(*pair)})),
        left_out={} if wanted else _left_out(base, other),
    )


def failures(comparison: Comparison, margin: float, *, strict: bool) -> list[str]:
    """Say why the other side may not replace the base, a sentence for each reason.

    Args:
        comparison: What was compared.
        margin: The largest drop that is accepted, a share.
        strict: A drop below the margin must be shown, and not only a larger one be unproven.
    """
    lines = [
        (one.answered.benchmark, one.change.delta, one.p_holm, "Holm-adjusted p", one.low)
        for one in comparison.benchmarks
    ]
    average = comparison.average
    lines.append(("the average", average.delta, comparison.average_p, "p", comparison.average_low))
    found = []
    for name, delta, p, word, low in lines:
        dropped = f"{name} changed by {100 * delta:+.2f} points"
        if p is not None and p < _ALPHA and delta < -margin:
            found.append(
                f"{dropped}, more than the {100 * margin:g} that are accepted, and not by chance "
                f"({word} = {p:.2g})."
            )
        elif strict and (low is None or low <= -margin):
            bound = "unknown" if low is None else f"{100 * low:+.2f}"
            found.append(
                f"{dropped}, and a drop of {100 * margin:g} points is not ruled out (one-sided "
                f"95 % bound {bound}): more items would tell."
            )
    return found


def _compared(paired: Paired) -> Compared:
    # The items of one task alone count as independent.
    clusters = paired.clusters if paired.clusters.any() else None
    change = paired_difference(paired.base_scores, paired.scores, clusters)
    return Compared(
        answered=paired.other,
        base_score=float(paired.base_scores.mean()),
        score=float(paired.scores.mean()),
        change=change,
        p=_p(change),
        p_holm=None,
        low=change.estimate.lower_bound() if change.estimate else None,
    )


def _p(change: PairedDifference) -> float | None:
    """Return the p-value of no difference: McNemar's where items are independent and count."""
    if change.clusters is None and change.lost is not None and change.gained is not None:
        return mcnemar(change.lost, change.gained).exact
    return change.estimate.p_two_sided() if change.estimate else None


def _adjusted(benchmarks: Sequence[Compared]) -> list[Compared]:
    """Adjust the p-values of those benchmarks that have one."""
    tested = [one.p for one in benchmarks if one.p is not None]
    adjusted = iter(holm(tested).tolist())
    return [
        one if one.p is None else attrs.evolve(one, p_holm=next(adjusted)) for one in benchmarks
    ]


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
