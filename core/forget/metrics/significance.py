"""Is a difference more than chance? Exact tests of paired items."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["McNemar", "Null", "flip_null", "mcnemar", "sign_flip_p"]

DRAWS = 9_999
"""Random sign flips: a p-value is known to .002 near .05, and none is below 1e-4."""

_FEW = 12
"""Differences whose signs are all tried: 4,096 choices."""

_SEED = 20_240_229


class McNemar(NamedTuple):
    """McNemar's test of as many items lost as gained.

    Attributes:
        exact: Two-sided p-value, conditional on the number of items that changed.
        mid: Mid-p: with half the probability of what was seen. Less conservative than `exact`.
    """

    exact: float
    mid: float


def mcnemar(lost: int, gained: int) -> McNemar:
    """Return McNemar's exact and mid-p values.

    Exact is p = min(1, 2 P[Bin(lost + gained, 1/2) <= min(lost, gained)]); mid-p takes off the
    probability of the smaller count itself (Fagerland, Lydersen and Laake 2013, BMC Medical
    Research Methodology 13:91). Nothing that changed is no evidence: both are 1.

    Raises:
        ValueError: A count is negative.
    """
    from scipy import special

    if min(lost, gained) < 0:
        raise ValueError(f"counts cannot be negative: {lost}, {gained}")
    changed, fewer = lost + gained, min(lost, gained)
    if not changed:
        return McNemar(1.0, 1.0)
    tail = float(special.bdtr(fewer, changed, 0.5))
    point = tail - (float(special.bdtr(fewer - 1, changed, 0.5)) if fewer else 0.0)
    # At a tie the two tails share the middle, of which mid-p takes half away.
    mid = 1 - point / 2 if lost == gained else 2 * tail - point
    return McNemar(min(1.0, 2 * tail), min(1.0, mid))


class Null(NamedTuple):
    """The distribution of |T| if each unit's difference could as well have the other sign.

    T = sum(s_i x_i) / sqrt(sum(x_i^2)) with signs s_i drawn at random: its denominator does not
    depend on the signs.

    Attributes:
        observed: |T| as it was seen.
        values: Possible or drawn |T|, ascending.
        tail: Probability of a |T| at least as large as each of them.
    """

    observed: float
    values: NDArray[np.float64]
    tail: NDArray[np.float64]

    def p(self, at_least: float) -> float:
        """Return the probability of a |T| at least so large."""
        # Sums of the same numbers in another order differ in their last digits.
        index = int(np.searchsorted(self.values, at_least - 1e-9 * max(1.0, abs(at_least))))
        if index < len(self.values):
            return float(self.tail[index])
        return float(self.tail[-1]) if self._drawn else 0.0

    @property
    def _drawn(self) -> bool:
        return len(self.values) == DRAWS + 1


def flip_null(units: NDArray[np.float64]) -> Null:
    """Return what random signs make of differences, or of sums of differences.

    Exact where all that is not 0 has one size, as for right and wrong: T is then binomial, and the
    p-value McNemar's; and up to twelve differences, of which all signs are tried. Otherwise from
    `DRAWS` drawn signs, the same in each call, with the observed
    one counted among them (Phipson and Smyth 2010): valid at any number of draws.

    Args:
        units: Differences of items, or their sums over clusters, shape (units,).

    Raises:
        ValueError: One of them is not a finite number.
    """
    if not np.isfinite(units).all():
        raise ValueError("differences must be finite numbers")
    moved = units[units != 0]
    if not moved.size:
        return Null(0.0, np.zeros(1), np.ones(1))
    x = np.abs(moved) / np.abs(moved).max()
    if x.min() > 1 - 1e-9:
        observed = abs(float(np.sign(moved).sum())) / np.sqrt(len(x))
        return Null(float(observed), *_binomial(len(x)))
    norm = float(np.sqrt((x**2).sum()))
    observed = abs(float((np.sign(moved) * x).sum())) / norm
    if len(x) <= _FEW:
        values = np.sort(np.abs(_all_signs(len(x)) @ x) / norm)
    else:
        drawn = np.abs(2 * _heads(x) - x.sum()) / norm
        values = np.sort(np.append(drawn, observed))
    return Null(observed, values, np.arange(len(values), 0, -1) / len(values))


def sign_flip_p(units: NDArray[np.float64]) -> float:
    """Return the two-sided p-value of the sign-flip permutation test, see `flip_null`.

    Raises:
        ValueError: A difference is not a finite number.
    """
    null = flip_null(units)
    return null.p(null.observed)


def _binomial(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the possible |2 B - m| / sqrt(m) of B ~ Bin(m, 1/2), and their upper tails."""
    from scipy import special

    heads = np.arange((count + 1) // 2, count + 1)
    values = (2 * heads - count) / np.sqrt(count)
    return values, np.minimum(1.0, 2 * special.bdtrc(heads - 1.0, count, 0.5))


def _all_signs(count: int) -> NDArray[np.float64]:
    """Return every choice of signs, shape (2^count, count)."""
    bits = (np.arange(2**count)[:, None] >> np.arange(count)) & 1
    signs: NDArray[np.float64] = 1.0 - 2.0 * bits
    return signs


def _heads(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Toss a coin for each number and return the sums of those that show heads, shape (draws,).

    Eight coins are a byte, and what each byte adds up to is looked up: 40 times as fast as
    multiplying by a matrix of signs, and without one.
    """
    eights = np.pad(x, (0, -len(x) % 8)).reshape(-1, 8)
    patterns = np.unpackbits(np.arange(256, dtype=np.uint8)[:, None], axis=1)
    heads = np.zeros(DRAWS)
    for sums, bytes_drawn in zip(eights @ patterns.T, _coins(len(eights)), strict=True):
        heads += sums[bytes_drawn]
    return heads


@lru_cache(maxsize=16)
def _coins(count: int) -> NDArray[np.uint8]:
    """Draw bytes of eight coins each, shape (count, draws)."""
    return np.random.default_rng(_SEED).integers(0, 256, (count, DRAWS), dtype=np.uint8)
