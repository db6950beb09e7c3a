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
    the standard errors are themselves uncertain, each for itself, and Z_t is divided by what they
    may be off: the root of a chi-square by its degrees of freedom (as Wilson and Hilferty 1931
    approximate it), where two go together as the square of their checkpoints' correlation.

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
    random = np.random.default_rng(_SEED)
    z = _normal(random, correlation)
    if not isinf(degrees):
        cubic = 2 / (9 * degrees)
        root = 1 - cubic + np.sqrt(cubic) * _normal(random, correlation**2)
        z /= np.maximum(root, 1e-3) ** 1.5
    return max(one, float(np.quantile(np.abs(z).max(axis=1), level)))


def _normal(random: np.random.Generator, correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Draw normal numbers that are correlated so, shape (draws, checkpoints)."""
    values, vectors = np.linalg.eigh(correlation)
    root = vectors * np.sqrt(np.maximum(values, 0))
    drawn: NDArray[np.float64] = random.standard_normal((DRAWS, len(root))) @ root.T
    return drawn
