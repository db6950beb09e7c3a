"""Many benchmarks are many chances to be wrong: p-values corrected for how often was looked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from forget.metrics.significance import Null

__all__ = ["benjamini_hochberg", "holm", "max_statistic_p"]


def holm(p: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted so that one false alarm among all has probability alpha (Holm 1979).

    p_(k) = max_{i <= k} min(1, (m - i + 1) p_(i)), in the order of the p-values.

    Raises:
        ValueError: One is not a probability.
    """
    values = _checked(p)
    order = np.argsort(values, kind="stable")
    stepped = np.minimum(1.0, np.arange(len(values), 0, -1) * values[order])
    adjusted = np.empty_like(values)
    adjusted[order] = np.maximum.accumulate(stepped)
    return adjusted


def benjamini_hochberg(p: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted for the false discovery rate (Benjamini and Hochberg 1995).

    Raises:
        ValueError: One is not a probability.
    """
    values = _checked(p)
    # Not scipy's false_discovery_control: to import scipy.stats takes two seconds.
    order = np.argsort(values, kind="stable")[::-1]
    stepped = np.minimum(1.0, len(values) / np.arange(len(values), 0, -1) * values[order])
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum.accumulate(stepped)
    return adjusted


def max_statistic_p(nulls: Sequence[Null]) -> list[float]:
    """Return the probability that any of several benchmarks shows as much as each one did.

    For "the worst of ten": the maximum of |T| over independent benchmarks under random signs,
    P = 1 - prod_k (1 - P[|T_k| >= t_j]) (Westfall and Young 1993's max-T, single step).

    Args:
        nulls: What chance makes of each benchmark, see `significance.flip_null`.
    """
    found = []
    for one in nulls:
        shown = [other.p(one.observed) for other in nulls]
        if max(shown) >= 1:
            found.append(1.0)
        else:
            found.append(float(-np.expm1(np.log1p(-np.array(shown)).sum())))
    return found


def _checked(p: ArrayLike) -> NDArray[np.float64]:
    values = np.asarray(p, dtype=np.float64)
    if values.ndim != 1:
        raise ValueError(f"p-values must be in one row, not of the shape {values.shape}")
    if not ((values >= 0) & (values <= 1)).all():
        raise ValueError(f"p-values must lie in [0, 1]: {values}")
    return values
