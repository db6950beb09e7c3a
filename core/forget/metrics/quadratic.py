"""A parabola through points by least squares, and how well it tells points it has not seen."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from math import sqrt

import attrs
import numpy as np
from numpy.typing import ArrayLike, NDArray

from forget.metrics.estimate import Estimate

__all__ = ["FEWEST", "Quadratic", "fit_quadratic", "held_out_r2", "predict_held_out"]

FEWEST = 4
"""Points of a fit: through three, a parabola passes exactly."""


@attrs.frozen(kw_only=True)
class Quadratic:
    """y = a + b x + c x^2, by ordinary least squares without weights.

    Attributes:
        coefficients: a, b, c.
        points: Number of points.
        r2: Share of the variance that it explains; None where all y are the same.
        spread: Standard deviation of the points about it, with points - 3 degrees of freedom.
        centre: Mean of the points' x.
        scale: Their standard deviation: `inverse` is in units of it, from `centre`.
        inverse: (X' X)^-1 of the scaled x.
    """

    coefficients: tuple[float, float, float]
    points: int
    r2: float | None
    spread: float
    centre: float
    scale: float
    inverse: tuple[tuple[float, ...], ...]

    @property
    def adjusted_r2(self) -> float | None:
        """R2 corrected for what two coefficients explain of mere noise; may be below 0."""
        if self.r2 is None:
            return None
        return 1 - (1 - self.r2) * (self.points - 1) / (self.points - 3)

    def at(self, x: float) -> Estimate:
        """Return the curve at an x, with the standard error of its height there."""
        powers_3 = _powers(np.array([(x - self.centre) / self.scale]))[0]
        a, b, c = self.coefficients
        variance = float(powers_3 @ np.array(self.inverse) @ powers_3)
        return Estimate(a + b * x + c * x * x, self.spread * sqrt(variance), self.points - 3)


def fit_quadratic(x: ArrayLike, y: ArrayLike) -> Quadratic | None:
    """Fit a parabola.

    Args:
        x: Shape (points,).
        y: Shape (points,).

    Returns:
        The fit; None for fewer than `FEWEST` points or three different x, which have none.
    """
    x_N, y_N = np.asarray(x, float), np.asarray(y, float)
    if len(x_N) < FEWEST or len(np.unique(x_N)) < 3:
        return None
    centre, scale = float(x_N.mean()), float(x_N.std())
    if scale < 1e-12 * abs(centre):  # different by rounding
        return None
    X_N3 = _powers((x_N - centre) / scale)
    solution_3, _, rank, _ = np.linalg.lstsq(X_N3, y_N, rcond=None)
    if rank < 3:  # some of the three are
        return None
    residual = float(((y_N - X_N3 @ solution_3) ** 2).sum())
    total = float(((y_N - y_N.mean()) ** 2).sum())
    return Quadratic(
        coefficients=_unscaled(solution_3, centre, scale),
        points=len(x_N),
        r2=1 - residual / total if total > 0 else None,
        spread=sqrt(residual / (len(x_N) - 3)),
        centre=centre,
        scale=scale,
        inverse=tuple(map(tuple, np.linalg.inv(X_N3.T @ X_N3).tolist())),
    )


def predict_held_out(
    x: ArrayLike, y: ArrayLike, groups: Sequence[Hashable]
) -> NDArray[np.float64] | None:
    """Return what the curve of all other groups says of each point.

    Args:
        x: Shape (points,).
        y: Shape (points,).
        groups: The group of each point.

    Returns:
        Shape (points,); None for a single group, or where the others of one have no curve.
    """
    x_N, y_N = np.asarray(x, float), np.asarray(y, float)
    names = list(dict.fromkeys(groups))
    predicted_N = np.empty(len(x_N))
    for name in names:
        out_N = np.array([group == name for group in groups])
        fit = fit_quadratic(x_N[~out_N], y_N[~out_N])
        if fit is None:
            return None
        predicted_N[out_N] = [fit.at(value).centre for value in x_N[out_N]]
    return predicted_N if names else None


def held_out_r2(y: ArrayLike, predicted: ArrayLike) -> float | None:
    """Return 1 - sum of squared errors / sum of squares about the mean of all points.

    0 is as good as that mean, and a curve that misleads is below; None where all y are the same.
    """
    y_N, predicted_N = np.asarray(y, float), np.asarray(predicted, float)
    total = float(((y_N - y_N.mean()) ** 2).sum())
    return 1 - float(((y_N - predicted_N) ** 2).sum()) / total if total > 0 else None


def _powers(z_N: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(z_N), z_N, z_N**2], axis=1)


def _unscaled(
    solution_3: NDArray[np.float64], centre: float, scale: float
) -> tuple[float, float, float]:
    """Return the coefficients of x, given those of (x - centre) / scale."""
    a, b, c = (float(value) for value in solution_3)
    linear, square = b / scale, c / scale**2
    return a - linear * centre + square * centre**2, linear - 2 * square * centre, square
