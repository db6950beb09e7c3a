"""The checkpoints of a run share their items and their past: one band for all of them."""

from __future__ import annotations

from math import inf, isinf

import numpy as np
from numpy.typing import NDArray

from forget.metrics.estimate import Estimate, checked_level

__all__ = ["covariance", "simultaneous_factor"]

DRAWS = 20_000
_SEED = 77_013


def covariance(
    units: NDArray[np.float64], sizes: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """Return how the errors of several checkpoints' deltas on one benchmark go together.

    Args:
        units: Differences to the base, shape (items, checkpoints); or their sums over clusters.
        sizes: The number of items in each cluster; None for items.

    Returns:
        The covariance of the means, shape (checkpoints, checkpoints).

    Raises:
        ValueError: There is no item, or a difference that is not a finite number.
    """
    if units.ndim != 2 or not units.size or not np.isfinite(units).all():
        raise ValueError(f"need finite differences (items, checkpoints), not {units.shape}")
    count = len(units)
    n = float(count) if sizes is None else float(sizes.sum())
    means = units.sum(axis=0) / n
    residuals = units - (means if sizes is None else np.outer(sizes, means))
    return residuals.T @ residuals / n**2 * (count / max(count - 1, 1))


def simultaneous_factor(
    covariances: NDArray[np.float64], level: float = 0.95, degrees: float = inf
) -> float:
    """Return how many standard errors a band needs to cover all checkpoints at once.

    The quantile of max_t |Z_t| with Z normal and correlated as the checkpoints are, from 20,000
    draws (Montiel Olea and Plagborg-Moller 2019, the sup-t band). Checkpoints that go together
    need hardly more than 1.96; independent ones as much as Sidak's correction. With few clusters
    the standard errors are themselves uncertain, and Z is Student's (Hothorn, Bretz and Westfall
    2008, Biometrical Journal 50:346).

    Args:
        covariances: Of the checkpoints' deltas, shape (checkpoints, checkpoints).
        level: Confidence.
        degrees: Degrees of freedom of the standard errors: the fewest of the estimates'.

    Raises:
        ValueError: The level does not lie in (0, 1), or a covariance is not a finite number.
    """
    if not np.isfinite(covariances).all():
        raise ValueError("covariances must be finite numbers")
    one = Estimate(0, 1, degrees).quantile((1 + checked_level(level)) / 2)
    spread = np.sqrt(np.diag(covariances))
    moving = spread > 0
    if moving.sum() < 2:
        return one
    correlation = covariances[np.ix_(moving, moving)] / np.outer(spread[moving], spread[moving])
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    random = np.random.default_rng(_SEED)
    largest = np.abs(random.standard_normal((DRAWS, len(root))) @ root.T).max(axis=1)
    if not isinf(degrees):
        largest /= np.sqrt(random.chisquare(degrees, DRAWS) / degrees)
    return max(one, float(np.quantile(largest, level)))
