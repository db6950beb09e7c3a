"""The paired difference of two models on the same items, and the average over benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

__all__ = ["Average", "PairedDifference", "macro_average", "paired_difference"]


class PairedDifference(NamedTuple):
    """The change of a score between two models on the same items.

    Attributes:
        delta: Mean of the per-item differences; negative is forgotten.
        stderr: Standard error of `delta`; None for a single item, which has no spread.
        items: Number of items.
    """

    delta: float
    stderr: float | None
    items: int


class Average(NamedTuple):
    """An unweighted mean of benchmark deltas, with its standard error."""

    delta: float
    stderr: float | None


def paired_difference(base: Sequence[float], other: Sequence[float]) -> PairedDifference:
    """Return the mean difference `other` - `base` and its standard error sd(d) / sqrt(n).

    The items are taken as a sample of all items that could have been asked (Miller 2024,
    arXiv:2411.00640, section 4.2: paired differences); sd has n - 1 degrees of freedom.

    Args:
        base: The base model's score of each item.
        other: The other model's score of the same items, in the same order.

    Raises:
        ValueError: The two differ in length, or are empty.
    """
    if len(base) != len(other) or not base:
        raise ValueError(f"need two equally long, non-empty samples: {len(base)}, {len(other)}")
    differences = [b - a for a, b in zip(base, other, strict=True)]
    n = len(differences)
    delta = sum(differences) / n
    if n == 1:
        return PairedDifference(delta, None, n)
    variance = sum((d - delta) ** 2 for d in differences) / (n - 1)
    return PairedDifference(delta, sqrt(variance / n), n)


def macro_average(differences: Sequence[PairedDifference]) -> Average:
    """Average benchmark deltas, each counting the same.

    Benchmarks are independent samples of items, so Var = sum_j Var(delta_j) / J^2.

    Raises:
        ValueError: There is nothing to average.
    """
    if not differences:
        raise ValueError("no benchmark to average")
    count = len(differences)
    delta = sum(d.delta for d in differences) / count
    errors = [d.stderr for d in differences if d.stderr is not None]
    if len(errors) < count:
        return Average(delta, None)
    return Average(delta, sqrt(sum(e * e for e in errors)) / count)
