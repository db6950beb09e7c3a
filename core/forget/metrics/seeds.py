"""Several training seeds: what a method does, beyond what one of its runs did."""

from __future__ import annotations

from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.metrics.estimate import Estimate
from forget.metrics.paired import cluster_sums

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
    (MS_seed + MS_item - MS_rest) / (S n) as in Clark 1973's quasi-F, which is Var_seed / S +
    Var_items with the part that both estimate counted once; for its degrees of freedom see
    `_degrees`. Clustered items are replaced by one value of each cluster, see `_linearised`.

    Args:
        d: Differences to the base, shape (seeds, items).
        clusters: The cluster of each item, integers from 0.

    Raises:
        ValueError: Fewer than two seeds, fewer than two items or clusters, or a difference that is
            not a finite number.
    """
    if d.ndim != 2 or not np.isfinite(d).all():
        raise ValueError(f"need finite differences (seeds, items), not {d.shape}")
    units = d if clusters is None else _linearised(d, clusters)
    S, n = units.shape
    if S < 2 or n < 2:
        raise ValueError(f"need two trainings and two items or clusters at least: {S}, {n}")
    grand = units.mean()
    by_seed, by_item = units.mean(axis=1), units.mean(axis=0)
    ms_seed = n * float(((by_seed - grand) ** 2).sum()) / (S - 1)
    ms_item = S * float(((by_item - grand) ** 2).sum()) / (n - 1)
    rest = units - by_seed[:, None] - by_item[None, :] + grand
    ms_rest = float((rest**2).sum()) / ((S - 1) * (n - 1))
    # Never less than either source alone: a difference of mean squares may come out too small.
    total = max(ms_seed + ms_item - ms_rest, ms_seed, ms_item)
    seed_sd = sqrt(max(0.0, ms_seed - ms_rest) / n)
    degrees = _degrees(ms_seed, total, S, 1 / (n - 1))
    estimate = Estimate(float(grand), sqrt(total / (S * n)), degrees)
    return Pooled(float(grand), S, d.shape[1], seed_sd, estimate)


def average_pooled(deltas: NDArray[np.float64], items_variance: float) -> Estimate:
    """Return the macro-average over seeds: Var_total = Var_seed / S + Var_items.

    Args:
        deltas: Each training's macro-average, shape (seeds,).
        items_variance: Variance of the average over seeds that comes from the choice of items.

    Raises:
        ValueError: Fewer than two seeds, or a variance that is negative.
    """
    S = len(deltas)
    if not items_variance >= 0:
        raise ValueError(f"a variance cannot be {items_variance}")
    if S < 2:
        raise ValueError("need two trainings at least")
    between = float(deltas.var(ddof=1)) / S
    # The spread between trainings holds some of the items' noise already: this errs to caution.
    total = between + items_variance
    return Estimate(float(deltas.mean()), sqrt(total), _degrees(between, total, S))


def _degrees(seed: float, total: float, seeds: int, rest: float = 0.0) -> float:
    """Return degrees of freedom: the harmonic mean of both sources', by their share in the error.

    Satterthwaite's are for known shares. Three trainings leave the shares themselves in doubt, and
    his intervals cover 93 % where they claim 95.

    Args:
        seed: The part of the variance that the few seeds tell.
        total: All of it.
        seeds: How many there are.
        rest: The reciprocal of the degrees of freedom of the other part.
    """
    share = seed / total if total else 0.0
    reciprocal = share / (seeds - 1) + (1 - share) * rest
    return 1 / reciprocal if reciprocal else inf


def _linearised(d: NDArray[np.float64], clusters: NDArray[np.integer]) -> NDArray[np.float64]:
    """Return a value of each cluster, shape (seeds, clusters), whose mean is that of the items.

    It is what the cluster adds to the mean beyond its share of the items (the linearised ratio of
    two sums): plain sums would take the spread of the clusters' sizes for spread of the scores.
    """
    sums, sizes = cluster_sums(d.T, clusters)
    sums, sizes = sums[sizes > 0].T, sizes[sizes > 0]
    means = d.mean(axis=1, keepdims=True)
    values: NDArray[np.float64] = means + (sums - sizes * means) * (len(sizes) / sizes.sum())
    return values
