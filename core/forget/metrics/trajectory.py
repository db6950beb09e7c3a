"""The checkpoints of a run share their items and their past: one band for all of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

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
    """
    count = len(units)
    n = float(count) if sizes is None else float(sizes.sum())
    means = units.sum(axis=0) / n
    residuals = units - (means if sizes is None else np.outer(sizes, means))
    return residuals.T @ residuals / n**2 * (count / max(count - 1, 1))


def simultaneous_factor(covariances: NDArray[np.float64], level: float = 0.95) -> float:
    """Return how many standard errors a band needs to cover all checkpoints at once.

    The quantile of max_t |Z_t| with Z normal and correlated as the checkpoints are, from 20,000
    draws (Montiel Olea and Plagborg-Moller 2019, the sup-t band). Checkpoints that go together
    need hardly more than 1.96; independent ones as much as Sidak's correction.

    Args:
        covariances: Of the checkpoints' deltas, shape (checkpoints, checkpoints).
        level: Confidence.
    """
    from scipy import special

    spread = np.sqrt(np.diag(covariances))
    moving = spread > 0
    one = float(special.ndtri((1 + level) / 2))
    if moving.sum() < 2:
        return one
    correlation = covariances[np.ix_(moving, moving)] / np.outer(spread[moving], spread[moving])
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    normal = np.random.default_rng(_SEED).standard_normal((DRAWS, len(root)))
    largest = np.abs(normal @ root.T).max(axis=1)
    return max(one, float(np.quantile(largest, level)))
