"""The paired difference of two models on the same items, and the average over benchmarks."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forget.metrics.estimate import Estimate

__all__ = [
    "Average",
    "PairedDifference",
    "cluster_sums",
    "clustered_error",
    "differences",
    "macro_average",
    "paired_difference",
]


class PairedDifference(NamedTuple):
    """The change of a score between two models on the same items.

    Attributes:
        delta: Mean of the per-item differences; negative is forgotten.
        stderr: Standard error of `delta`; None for a single item or cluster, which has no spread.
        items: Number of items.
        lost: Items that the first model had right and the second wrong; None for scores that are
            not 0 or 1.
        gained: The reverse.
        clusters: Number of clusters that items were taken in; None if each counts as independent.
        estimate: What intervals are made of; None where there is no spread.
    """

    delta: float
    stderr: float | None
    items: int
    lost: int | None = None
    gained: int | None = None
    clusters: int | None = None
    estimate: Estimate | None = None

    @property
    def discordance(self) -> float | None:
        """Share of the items that changed, psi = (lost + gained) / n; None if they do not count."""
        if self.lost is None or self.gained is None:
            return None
        return (self.lost + self.gained) / self.items


class Average(NamedTuple):
    """An unweighted mean of benchmark deltas.

    Attributes:
        delta: The mean.
        stderr: Its standard error; None if one of the benchmarks has none.
        estimate: What intervals are made of.
    """

    delta: float
    stderr: float | None
    estimate: Estimate | None = None


def differences(base: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """Return the per-item differences `other` - `base`.

    Args:
        base: The base model's score of each item, shape (items,).
        other: The other model's score of the same items, in the same order.

    Raises:
        ValueError: The two differ in length, are empty, or hold what is not a number.
    """
    a, b = np.asarray(base, dtype=np.float64), np.asarray(other, dtype=np.float64)
    if a.shape != b.shape or a.ndim != 1 or not a.size:
        raise ValueError(f"need two equally long, non-empty samples: {a.shape}, {b.shape}")
    d = b - a
    if not np.isfinite(d).all():
        raise ValueError("scores must be finite numbers")
    return d


def paired_difference(
    base: ArrayLike, other: ArrayLike, clusters: ArrayLike | None = None
) -> PairedDifference:
    """Return the mean difference `other` - `base` and how sure it is.

    The items are taken as a sample of all items that could have been asked (Miller 2024,
    arXiv:2411.00640, section 4.2: paired differences): the standard error is sd(d) / sqrt(n), sd
    with n - 1 degrees of freedom. With clusters it is the cluster-robust one of the same paper
    (section 2.2) with Bell and McCaffrey's correction for few and unequal clusters, see
    `clustered_error`. The interval of right-or-wrong items is Agresti and Min's, see `_adjusted`;
    with clusters it is that of as many independent items as would give the same standard error.

    Args:
        base: The base model's score of each item, shape (items,).
        other: The other model's score of the same items, in the same order.
        clusters: The cluster of each item, integers from 0; None if items are independent.

    Raises:
        ValueError: The two differ in length, are empty, or hold what is not a number; or the
            clusters are not as many integers from 0.
    """
    d = differences(base, other)
    n = d.size
    delta = float(d.mean())
    counts = _counts(base, other, d)
    lost, gained = counts if counts is not None else (None, None)
    if clusters is not None:
        groups = np.asarray(clusters)
        estimate = clustered_error(d, groups)
        stderr = estimate.spread if estimate else None
        if counts is not None and estimate is not None:
            estimate = _adjusted(*counts, n, estimate)
        return PairedDifference(delta, stderr, n, lost, gained, np.unique(groups).size, estimate)
    stderr = float(d.std(ddof=1)) / sqrt(n) if n > 1 else None
    if counts is not None:
        estimate = _adjusted(*counts, n)
    else:
        estimate = None if stderr is None else Estimate(delta, stderr, n - 1)
    return PairedDifference(delta, stderr, n, lost, gained, None, estimate)


def macro_average(found: Sequence[PairedDifference]) -> Average:
    """Average benchmark deltas, each counting the same.

    Benchmarks are independent samples of items, so Var = sum_j Var(delta_j) / J^2. The interval is
    made of the benchmarks' own, with Welch's and Satterthwaite's degrees of freedom.

    Raises:
        ValueError: There is nothing to average.
    """
    if not found:
        raise ValueError("no benchmark to average")
    count = len(found)
    delta = sum(d.delta for d in found) / count
    errors = [d.stderr for d in found if d.stderr is not None]
    if len(errors) < count:
        return Average(delta, None)
    stderr = sqrt(sum(e * e for e in errors)) / count
    estimates = [d.estimate for d in found if d.estimate is not None]
    if len(estimates) < count:
        return Average(delta, stderr)
    variances = [e.spread**2 / count**2 for e in estimates]
    over = sum(v * v / e.degrees for v, e in zip(variances, estimates, strict=True))
    degrees = sum(variances) ** 2 / over if over else inf
    centre = sum(e.centre for e in estimates) / count
    limit = max(e.limit for e in estimates)
    return Average(delta, stderr, Estimate(centre, sqrt(sum(variances)), degrees, limit))


def cluster_sums(
    d: NDArray[np.float64], clusters: NDArray[np.integer]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the sum of the differences of each cluster, and how many items it has.

    Args:
        d: Differences, shape (items,) or (items, models).
        clusters: The cluster of each item, integers from 0.

    Raises:
        ValueError: The clusters are not as many integers from 0.
    """
    if clusters.shape != d.shape[:1] or clusters.dtype.kind not in "iu" or (clusters < 0).any():
        raise ValueError(
            f"need the cluster of each of {len(d)} items as an integer from 0: "
            f"{clusters.dtype} {clusters.shape}"
        )
    sizes = np.bincount(clusters).astype(np.float64)
    if d.ndim == 1:
        return np.bincount(clusters, weights=d).astype(np.float64), sizes
    columns = [np.bincount(clusters, weights=c).astype(np.float64) for c in d.T]
    return np.stack(columns, axis=1), sizes


def _counts(base: ArrayLike, other: ArrayLike, d: NDArray[np.float64]) -> tuple[int, int] | None:
    """Count lost and gained items; None if a score is neither 0 nor 1."""
    for scores in (base, other):
        values = np.asarray(scores, dtype=np.float64)
        if not ((values == 0) | (values == 1)).all():
            return None
    return int((d < 0).sum()), int((d > 0).sum())


def _adjusted(lost: int, gained: int, items: int, clustered: Estimate | None = None) -> Estimate:
    """Return the estimate whose normal interval is Agresti and Min's.

    Half an item is added to each cell of the two-by-two table (Agresti and Min 2005, Statistics in
    Medicine 24:729, "Wald+2"): the plain interval is too short where few items changed, and has no
    width at all where none did.

    Clusters leave the table with fewer items than it seems to have: all counts are divided by the
    design effect, the clustered variance over the independent one, before the halves are added (as
    Korn and Graubard 1998 do for a proportion). Where one of the two is 0 there is nothing to tell
    the effect by, and it is taken to be 1.
    """
    effect, degrees = 1.0, inf
    if clustered is not None:
        degrees = clustered.degrees
        independent = ((lost + gained) - (gained - lost) ** 2 / items) / (items * (items - 1))
        # Residuals that cancel leave rounding errors behind.
        if independent > 0 and clustered.spread**2 > 1e-12 * independent:
            effect = clustered.spread**2 / independent
    b, c, n = lost / effect + 0.5, gained / effect + 0.5, items / effect + 2.0
    centre = (c - b) / n
    return Estimate(centre, sqrt(((b + c) / n - centre**2) / n), degrees, limit=1.0)


def clustered_error(d: NDArray[np.float64], clusters: NDArray[np.integer]) -> Estimate | None:
    """Return the mean with its cluster-robust error; None for a single cluster.

    Bell and McCaffrey 2002 (Survey Methodology 28:169), here for a mean, where matrices reduce to
    sums: each cluster's squared sum of residuals is scaled so that the variance is unbiased under a
    working model (CR2), and the degrees of freedom are Satterthwaite's. In the working model the
    items of a cluster correlate as much as they seem to: then a cluster with a tenth of the items,
    as one of MMLU's subjects, has a third of the error, and its residual, which the mean follows,
    is much too small. Degrees of freedom are those of independent items: under the correlated
    model they fall to 6 for MMLU, and intervals cover 98 %. With G clusters of one size this is the
    usual sqrt(G / (G - 1)) and G - 1.

    Args:
        d: Differences, shape (items,).
        clusters: The cluster of each item, integers from 0.

    Raises:
        ValueError: The clusters are not as many integers from 0.
    """
    sums, sizes = cluster_sums(d, clusters)
    sums, sizes = sums[sizes > 0], sizes[sizes > 0]
    if len(sizes) < 2:
        return None
    n, delta = d.size, float(d.mean())
    share = sizes / n
    variance = sizes * (1 + (sizes - 1) * _intraclass_correlation(d, sums, sizes))
    expected = variance * (1 - 2 * share) + variance.sum() * share**2
    spread = sqrt(float((variance / expected * (sums - sizes * delta) ** 2).sum())) / n
    mixed = sizes * share / (1 - share)
    square = float((sizes**2).sum() + mixed.sum() ** 2 - (mixed**2).sum())
    return Estimate(delta, spread, n**2 / square)


def _intraclass_correlation(
    d: NDArray[np.float64], sums: NDArray[np.float64], sizes: NDArray[np.float64]
) -> float:
    """Return how items of a cluster correlate, from an analysis of variance; never below 0."""
    n, G = d.size, len(sizes)
    if n == G:
        return 0.0
    within = max(0.0, float((d**2).sum() - (sums**2 / sizes).sum())) / (n - G)
    between = float(((sums - sizes * d.mean()) ** 2 / sizes).sum()) / (G - 1)
    usual_size = (n - float((sizes**2).sum()) / n) / (G - 1)
    if between <= within:
        return 0.0
    return (between - within) / (between + (usual_size - 1) * within)
