"""Several training seeds: what a method does, beyond what one of its runs did."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.metrics.estimate import Estimate

__all__ = ["Pooled", "average_pooled", "pool_seeds"]


class Pooled(NamedTuple):
    """The mean difference over training seeds and items, both taken as samples.

    Attributes:
        delta: The mean.
        seeds: How many trainings.
        items: How many items each was asked.
        seed_sd: Standard deviation between trainings that is more than noise of the items; 0 if
            they differ by less than that.
        estimate: What intervals are made of.
    """

    delta: float
    seeds: int
    items: int
    seed_sd: float
    estimate: Estimate


def pool_seeds(d: NDArray[np.float64], clusters: NDArray[np.integer] | None = None) -> Pooled:
    """Pool the differences of several trainings on the same items.

    Items and trainings are crossed random effects, so the variance of the grand mean is
    (MS_seed + MS_item - MS_rest) / (S n), with Satterthwaite's degrees of freedom: Clark 1973's
    quasi-F, which is Var_seed / S + Var_items with the part that both estimate counted once.
    Clustered items are replaced by cluster sums, scaled to the same mean.

    Args:
        d: Differences to the base, shape (seeds, items).
        clusters: The cluster of each item, integers from 0.

    Raises:
        ValueError: Fewer than two seeds, or fewer than two items or clusters.
    """
    units = d if clusters is None else _scaled_sums(d, clusters)
    S, n = units.shape
    if S < 2 or n < 2:
        raise ValueError(f"need two trainings and two items at least: {S}, {n}")
    grand = units.mean()
    by_seed, by_item = units.mean(axis=1), units.mean(axis=0)
    ms_seed = n * float(((by_seed - grand) ** 2).sum()) / (S - 1)
    ms_item = S * float(((by_item - grand) ** 2).sum()) / (n - 1)
    rest = units - by_seed[:, None] - by_item[None, :] + grand
    ms_rest = float((rest**2).sum()) / ((S - 1) * (n - 1))
    # Never less than either source alone: a difference of mean squares may come out too small.
    total = max(ms_seed + ms_item - ms_rest, ms_seed, ms_item)
    parts = ((ms_seed, S - 1), (ms_item, n - 1), (ms_rest, (S - 1) * (n - 1)))
    over = sum(ms**2 / degrees for ms, degrees in parts)
    degrees = total**2 / over if over else float("inf")
    seed_sd = sqrt(max(0.0, ms_seed - ms_rest) / n)
    estimate = Estimate(float(grand), sqrt(total / (S * n)), max(1.0, degrees))
    return Pooled(float(grand), S, d.shape[1], seed_sd, estimate)


def average_pooled(deltas: NDArray[np.float64], items_variance: float) -> Estimate:
    """Return the macro-average over seeds: Var_total = Var_seed / S + Var_items.

    Args:
        deltas: Each training's macro-average, shape (seeds,).
        items_variance: Variance of the average over seeds that comes from the choice of items.

    Raises:
        ValueError: Fewer than two seeds.
    """
    S = len(deltas)
    if S < 2:
        raise ValueError("need two trainings at least")
    between = float(deltas.var(ddof=1)) / S
    # The spread between trainings holds some of the items' noise already: this errs to caution.
    total = between + items_variance
    degrees = total**2 / (between**2 / (S - 1)) if between else float("inf")
    return Estimate(float(deltas.mean()), sqrt(total), degrees)


def _scaled_sums(d: NDArray[np.float64], clusters: NDArray[np.integer]) -> NDArray[np.float64]:
    from forget.metrics.paired import cluster_sums

    sums, sizes = cluster_sums(d.T, clusters)
    kept = sizes > 0
    scaled: NDArray[np.float64] = sums[kept] * (kept.sum() / sizes.sum())
    return scaled.T
