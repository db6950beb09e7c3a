"""From evidence to verdicts: corrections for many looks, intervals, and the four words."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import Literal, NamedTuple

import attrs

from forget.metrics.bootstrap import average_resampled, bca_interval
from forget.metrics.estimate import Estimate, Interval, equivalence_p
from forget.metrics.flips import Flips, flips
from forget.metrics.multiplicity import benjamini_hochberg, holm, max_statistic_p
from forget.metrics.paired import Average, PairedDifference
from forget.metrics.power import minimal_detectable_effect
from forget.verdict.evidence import Evidence
from forget.verdict.terms import Terms
from forget.verdict.words import reason_of

__all__ = [
    "Case",
    "Judgement",
    "Verdict",
    "judge_alone",
    "judge_average",
    "judge_together",
    "verdict_of",
]

Verdict = Literal["forgot", "improved", "kept", "inconclusive"]


@attrs.frozen(kw_only=True)
class Judgement:
    """What is said of one checkpoint on one exam, or of its average.

    All differences are shares, checkpoint - base.

    Attributes:
        verdict: `forgot` or `improved` (p_holm < alpha), `kept` (no forgetting beyond the margin:
            the one-sided lower bound of the difference is above it), or `inconclusive`.
        reason: Why, in a sentence.
        interval: Confidence interval of the difference; None where there is no spread.
        interval_method: How the interval was computed, for people.
        bootstrap: BCa bootstrap interval; None where nothing changed.
        test: The test that decides, for people.
        p: Its p-value; None where there is no spread.
        p_mid: McNemar's mid-p, where it applies.
        p_holm: p, corrected over the benchmarks looked at (Holm).
        p_bh: p, corrected for the false discovery rate (Benjamini and Hochberg).
        p_max: Probability that any benchmark shows as much by chance: for the worst of all.
        corrected: Interval that holds for all benchmarks of the checkpoint at once, for the same
            use.
        p_equivalent: p-value of equivalence at the margin (two one-sided tests).
        detectable: Smallest drop that this sample finds with 80 % power.
        detectable_holm: The same at the first step of Holm's correction.
        looks: How many tests `p_holm` is corrected for.
        flips: Chance-adjusted forgetting and backward transfer; None for graded scores.
        band: Interval that holds for all checkpoints of the run at once.
    """

    verdict: Verdict
    reason: str
    interval: Interval | None
    interval_method: str
    bootstrap: Interval | None
    test: str
    p: float | None
    p_mid: float | None = None
    p_holm: float | None
    p_bh: float | None
    p_max: float | None = None
    corrected: Interval | None = None
    looks: int = 1
    p_equivalent: float | None
    detectable: float | None
    detectable_holm: float | None
    flips: Flips | None = None
    band: Interval | None = None


class Case(NamedTuple):
    """One checkpoint on one exam.

    Attributes:
        evidence: What its answers say.
        base_score: The base model's score.
        chance: What guessing would score; None where that is not known.
        factor: How many standard errors the run's band needs; None for no band.
    """

    evidence: Evidence
    base_score: float
    chance: float | None
    factor: float | None


class _Looks(NamedTuple):
    """What the p-value becomes by how often was looked."""

    p_holm: float
    p_bh: float
    number: int


class _Worst(NamedTuple):
    """What it takes to be the worst of the benchmarks of one checkpoint."""

    p_max: float | None
    number: int


def judge_together(checkpoints: Sequence[Sequence[Case]], terms: Terms) -> list[list[Judgement]]:
    """Judge the benchmarks of all checkpoints of a run.

    Args:
        checkpoints: The scored benchmarks of each checkpoint.
        terms: What verdicts are held to.
    """
    together = [case for row in checkpoints for case in row]
    groups = [together] if terms.over == "checkpoints" else checkpoints
    looks: list[_Looks] = []
    for group in groups:
        p = [case.evidence.p for case in group]
        adjusted = zip(holm(p), benjamini_hochberg(p), strict=True)
        looks += [_Looks(float(one), float(other), len(p)) for one, other in adjusted]
    at = iter(looks)
    judged = []
    for row in checkpoints:
        largest = max_statistic_p([case.evidence.null for case in row])
        found = zip(row, largest, strict=True)
        judged.append([_judge(case, next(at), terms, _Worst(p, len(row))) for case, p in found])
    return judged


def judge_alone(case: Case, terms: Terms) -> Judgement:
    """Judge an exam that stands by itself, as the trained task does: nothing to correct for."""
    return _judge(case, _Looks(case.evidence.p, case.evidence.p, 1), terms, _Worst(None, 1))


def judge_average(
    average: Average, parts: Sequence[Evidence], factor: float | None, terms: Terms
) -> Judgement:
    """Judge the macro-average: one number, so nothing to correct for.

    Its p-value is that of the normal (or Student's) test: what is exact for right and wrong items
    of one benchmark is not for an average of averages.
    """
    estimate = average.estimate
    if estimate is None:
        return _unknown("one of the benchmarks has a single item or cluster, which has no spread")
    # Where intervals are shrunk towards 0, the test is not: it has the sign of what is reported.
    p = estimate._replace(centre=average.delta).p_two_sided()
    detectable = minimal_detectable_effect(estimate.spread, terms.alpha)
    judgement = Judgement(
        verdict=verdict_of(average.delta, p, estimate, terms),
        reason="",
        interval=estimate.interval(terms.level),
        interval_method="normal, benchmarks independent",
        bootstrap=bca_interval(average_resampled([e.resampled for e in parts]), terms.level),
        test="z-test of the mean of benchmarks",
        p=p,
        p_holm=p,
        p_bh=p,
        p_equivalent=equivalence_p(estimate, terms.margin),
        detectable=detectable,
        detectable_holm=detectable,
        band=estimate.within(factor) if factor is not None else None,
    )
    return attrs.evolve(judgement, reason=reason_of(judgement, average, terms))


def _judge(case: Case, looks: _Looks, terms: Terms, worst: _Worst) -> Judgement:
    evidence = case.evidence
    change = evidence.change
    estimate = change.estimate
    if estimate is None or change.stderr is None:
        what = "single item" if change.items == 1 else "all items belong to one cluster"
        return _unknown(f"{what}: there is no spread to judge by")
    null_error = _null_error(change, estimate)
    judgement = Judgement(
        verdict=verdict_of(change.delta, looks.p_holm, estimate, terms),
        reason="",
        interval=estimate.interval(terms.level),
        interval_method=_method(change),
        bootstrap=bca_interval(evidence.resampled, terms.level),
        test=evidence.test,
        p=evidence.p,
        p_mid=evidence.p_mid,
        p_holm=looks.p_holm,
        p_bh=looks.p_bh,
        p_max=worst.p_max,
        corrected=estimate.interval(terms.level ** (1 / worst.number)),
        looks=looks.number,
        p_equivalent=equivalence_p(estimate, terms.margin),
        detectable=minimal_detectable_effect(null_error, terms.alpha),
        detectable_holm=minimal_detectable_effect(null_error, terms.alpha / looks.number),
        flips=_flips(change, case.base_score, case.chance),
        band=estimate.within(case.factor) if case.factor is not None else None,
    )
    return attrs.evolve(judgement, reason=reason_of(judgement, change, terms))


def verdict_of(delta: float, p_holm: float, estimate: Estimate, terms: Terms) -> Verdict:
    """Say one of four words; a drop that is certain counts, however small it is."""
    if p_holm < terms.alpha:
        return "forgot" if delta < 0 else "improved"
    if estimate.lower_bound(1 - terms.alpha) > -terms.margin:
        return "kept"
    return "inconclusive"


def _unknown(why: str) -> Judgement:
    return Judgement(
        verdict="inconclusive",
        reason=f"{why[0].upper()}{why[1:]}.",
        interval=None,
        interval_method="",
        bootstrap=None,
        test="",
        p=None,
        p_holm=None,
        p_bh=None,
        p_equivalent=None,
        detectable=None,
        detectable_holm=None,
    )


def _method(change: PairedDifference) -> str:
    if change.clusters is not None:
        return f"cluster-robust t, {change.clusters} clusters"
    return "Student's t" if change.lost is None else "Agresti-Min"


def _null_error(change: PairedDifference, estimate: Estimate) -> float:
    """Return the standard error at a difference of 0, as power is planned with."""
    psi = change.discordance
    if change.clusters is not None or psi is None:
        return estimate.spread
    # At least one item would have to change for a drop to be seen.
    return sqrt(max(psi, 1 / change.items) / change.items)


def _flips(change: PairedDifference, base_score: float, chance: float | None) -> Flips | None:
    if change.lost is None or change.gained is None or chance is None:
        return None
    return flips(change.lost, change.gained, change.items, base_score, chance)
