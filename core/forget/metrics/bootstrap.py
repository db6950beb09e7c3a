"""Intervals by resampling: bias-corrected and accelerated, items or clusters within benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.metrics.estimate import Interval
from forget.metrics.paired import cluster_sums

__all__ = ["Resampled", "average_resampled", "bca_interval", "resample"]

DRAWS = 2_000
_SEED = 4_142


class Resampled(NamedTuple):
    """Means of resampled items, and what acceleration is made of.

    Attributes:
        delta: The mean of all items.
        draws: Means of resampled ones, shape (draws,).
        square: Sum of the squares of each unit's influence on the mean.
        cube: Sum of their cubes.
    """

    delta: float
    draws: NDArray[np.float64]
    square: float
    cube: float


def resample(
    d: NDArray[np.float64], clusters: NDArray[np.integer] | None = None, stream: int = 0
) -> Resampled:
    """Resample items with replacement, or whole clusters.

    Both models of a pair are resampled together, for it is their differences that are drawn.

    Args:
        d: Per-item differences, shape (items,).
        clusters: The cluster of each item, integers from 0; None if items are independent.
        stream: Which random numbers: another one for each benchmark, so that they are independent.
    """
    n, delta = d.size, float(d.mean())
    random = np.random.default_rng((_SEED, stream))
    if clusters is not None:
        sums, sizes = cluster_sums(d, clusters)
        sums, sizes = sums[sizes > 0], sizes[sizes > 0]
        weights = _weights(len(sizes), stream)
        influence = (sums - sizes * delta) / n
        return _resampled(delta, (weights @ sums) / (weights @ sizes), influence)
    values, counts = np.unique(d, return_counts=True)
    if len(values) <= 8:  # right and wrong: what counts is how many of each kind are drawn
        draws = random.multinomial(n, counts / n, size=DRAWS) @ values / n
    else:
        draws = _weights(n, stream) @ d / n
    return _resampled(delta, draws, (d - delta) / n)


def average_resampled(parts: Sequence[Resampled]) -> Resampled:
    """Average benchmarks that were resampled each by itself (a stratified bootstrap)."""
    count = len(parts)
    return Resampled(
        sum(part.delta for part in parts) / count,
        np.mean([part.draws for part in parts], axis=0),
        sum(part.square for part in parts) / count**2,
        sum(part.cube for part in parts) / count**3,
    )


def bca_interval(found: Resampled, level: float = 0.95) -> Interval | None:
    """Return the bias-corrected and accelerated interval (Efron 1987; Efron and Tibshirani 1993).

    Bias counts half of the draws that equal the mean; the acceleration is the skewness of the
    units' influence, sum(u^3) / (6 sum(u^2)^(3/2)), which is what the jackknife gives for a mean.

    Args:
        found: From `resample` or `average_resampled`.
        level: Confidence.

    Returns:
        The interval; None where nothing changed, so that there is nothing to resample.
    """
    from scipy import special

    if not found.square:
        return None
    slack = 1e-12
    below = (found.draws < found.delta - slack).mean()
    equal = (np.abs(found.draws - found.delta) <= slack).mean()
    share = np.clip(below + equal / 2, 0.5 / DRAWS, 1 - 0.5 / DRAWS)
    bias = special.ndtri(share)
    acceleration = found.cube / (6 * found.square**1.5)
    z = bias + special.ndtri(np.array([(1 - level) / 2, (1 + level) / 2]))
    low, high = np.quantile(found.draws, special.ndtr(bias + z / (1 - acceleration * z)))
    return Interval(float(low), float(high))


def _resampled(
    delta: float, draws: NDArray[np.float64], influence: NDArray[np.float64]
) -> Resampled:
    return Resampled(delta, draws, float((influence**2).sum()), float((influence**3).sum()))


@lru_cache(maxsize=16)
def _weights(units: int, stream: int) -> NDArray[np.float32]:
    """Draw how often each unit is taken, shape (draws, units)."""
    random = np.random.default_rng((_SEED, stream))
    rows = [np.bincount(random.integers(0, units, units), minlength=units) for _ in range(DRAWS)]
    return np.array(rows, dtype=np.float32)
