"""Verdicts in sentences."""

from __future__ import annotations

from typing import TYPE_CHECKING

from forget.metrics.paired import Average, PairedDifference
from forget.verdict.terms import Terms

if TYPE_CHECKING:
    from forget.verdict.judging import Judgement

__all__ = ["TITLES", "in_points", "p_value", "reason_of"]

TITLES = {
    "forgot": "forgot",
    "improved": "improved",
    "kept": "no forgetting beyond the margin",
    "inconclusive": "inconclusive",
    "missing": "not evaluated",
}
"""The verdicts for people."""


def reason_of(judgement: Judgement, change: PairedDifference | Average, terms: Terms) -> str:
    """Say in a sentence why a verdict is what it is.

    Args:
        judgement: The verdict with its numbers.
        change: The difference that was judged.
        terms: What it is held to.
    """
    if judgement.verdict in ("forgot", "improved"):
        return f"{_counts(change)}: {_test(judgement)}{_size(judgement, terms)}."
    assert judgement.interval is not None
    if judgement.verdict == "kept":
        return (
            f"A drop of more than {in_points(terms.margin)} points is ruled out "
            f"(one-sided, {100 * (1 - terms.alpha):g} %)."
        )
    low, high = judgement.interval
    return (
        f"The truth may lie anywhere from {in_points(low, sign=True)} to "
        f"{in_points(high, sign=True)} points; drops of {in_points(judgement.detectable_holm)} "
        "points or more would be found 4 times in 5."
    )


def in_points(share: float | None, *, sign: bool = False) -> str:
    """Write a share in points of 100, with two digits that mean something."""
    if share is None:
        return "-"
    value = 100 * share
    digits = 1 if abs(value) >= 0.95 or value == 0 else 2
    return f"{value:{'+' if sign else ''}.{digits}f}"


def p_value(p: float) -> str:
    """Write a p-value: ``p = 0.031``, ``p < 0.0001``."""
    if p < 1e-4:
        return "p < 0.0001"
    return f"p = {p:.2g}"


def _counts(change: PairedDifference | Average) -> str:
    if isinstance(change, Average):
        return f"{in_points(change.delta, sign=True)} points on average"
    if change.lost is None:
        return f"{in_points(change.delta, sign=True)} points over {change.items:,} items"
    return f"{change.lost:,} of {change.items:,} items lost and {change.gained:,} gained"


def _test(judgement: Judgement) -> str:
    assert judgement.p_holm is not None
    looks = judgement.looks
    corrected = f" after Holm's correction for {looks} tests" if looks > 1 else ""
    return f"{judgement.test}, {p_value(judgement.p_holm)}{corrected}"


def _size(judgement: Judgement, terms: Terms) -> str:
    """Say where a drop is certain and small."""
    interval = judgement.interval
    if judgement.verdict == "forgot" and interval is not None and interval.low > -terms.margin:
        return f"; but less than the margin of {in_points(terms.margin)} points"
    return ""
