from __future__ import annotations

from math import nan

import numpy as np
import pytest

from forget.metrics.quadratic import Quadratic, fit_quadratic, held_out_r2, predict_held_out


def fitted(x: object, y: object) -> Quadratic:
    fit = fit_quadratic(x, y)  # type: ignore[arg-type]
    assert fit is not None
    return fit


def noisy(seed: int, count: int = 40) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(seed)
    x = generator.uniform(0, 2, count)
    return x, 0.01 - 0.02 * x + 0.05 * x**2 + generator.normal(0, 0.01, count)


def test_a_parabola_is_found_exactly() -> None:
    x = np.array([0.0, 1.0, 2.0, 3.0, 5.0])
    fit = fitted(x, 2 - 3 * x + 0.5 * x**2)
    assert fit.coefficients == pytest.approx((2, -3, 0.5))
    assert (fit.r2, fit.adjusted_r2) == (pytest.approx(1), pytest.approx(1))
    assert fit.spread == pytest.approx(0, abs=1e-12)
    assert fit.at(10).centre == pytest.approx(22)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("scale", "shift"), [(1.0, 0.0), (1e-4, 0.0), (300.0, 1000.0)])
def test_against_numpys_polyfit(seed: int, scale: float, shift: float) -> None:
    x, y = noisy(seed)
    x = shift + scale * x
    fit = fitted(x, y)
    assert fit.coefficients == pytest.approx(np.polyfit(x, y, 2)[::-1], rel=1e-5)
    covariance = np.polyfit(x - x.mean(), y, 2, cov=True)[1]
    for place in (x.min(), x.mean(), x.max() + scale):
        powers = np.array([(place - x.mean()) ** 2, place - x.mean(), 1])
        assert fit.at(place).spread == pytest.approx(np.sqrt(powers @ covariance @ powers))
        assert fit.at(place).degrees == 37


def test_r2_by_hand() -> None:
    """y = 1, -1, -1, 1 and one 0 in the middle: the fit of a symmetric cup is known."""
    x, y = np.array([-2, -1, 0, 1, 2]), np.array([1.0, -1.0, 0.0, -1.0, 1.0])
    fit = fitted(x, y)
    # Sums of x^2: 10, x^4: 34, y x^2: 6, y: 0; c = (5*6 - 10*0) / (5*34 - 10^2).
    assert fit.coefficients == pytest.approx((-2 * 3 / 7, 0, 3 / 7))
    explained = 3 / 7 * 6 / 4  # c * sum(y x^2) over the sum of y^2
    assert fit.r2 == pytest.approx(explained)
    assert fit.adjusted_r2 == pytest.approx(1 - (1 - explained) * 4 / 2)


def test_noise_explains_nothing_on_average() -> None:
    generator = np.random.default_rng(0)
    found = [fitted(generator.uniform(0, 1, 10), generator.normal(0, 1, 10)) for _ in range(400)]
    r2 = np.mean([fit.r2 for fit in found if fit.r2 is not None])
    adjusted = np.mean([fit.adjusted_r2 for fit in found if fit.adjusted_r2 is not None])
    assert r2 == pytest.approx(2 / 9, abs=0.03)
    assert adjusted == pytest.approx(0, abs=0.04)


def test_the_band_covers_the_curve() -> None:
    generator = np.random.default_rng(1)
    x = np.linspace(0, 1, 12)
    inside = 0
    for _ in range(1000):
        fit = fitted(x, 1 + 2 * x - x**2 + generator.normal(0, 0.3, 12))
        low, high = fit.at(0.9).interval(0.95)
        inside += low <= 1 + 1.8 - 0.81 <= high
    assert 0.93 <= inside / 1000 <= 0.97


@pytest.mark.parametrize(
    ("x", "y"),
    [
        ([], []),
        ([1, 2, 3], [1, 2, 3]),
        ([1, 1, 2, 2, 2], [1, 2, 3, 4, 5]),
        ([1, 1 + 2e-16, 1 + 4e-16, 1], [1, 2, 3, 4]),
        ([1, 2, 2 + 4e-16, 1], [1, 2, 3, 4]),
    ],
    ids=["none", "three", "two different", "rounding", "two and rounding"],
)
def test_points_without_a_curve(x: list[float], y: list[float]) -> None:
    assert fit_quadratic(x, y) is None


def test_constant_points_leave_nothing_to_explain() -> None:
    fit = fitted([1, 2, 3, 4], [0.5] * 4)
    assert fit.coefficients == pytest.approx((0.5, 0, 0), abs=1e-12)
    assert (fit.r2, fit.adjusted_r2) == (None, None)


# --- what it has not seen


def test_each_group_is_told_by_the_others() -> None:
    x, y = noisy(0)
    groups = ["a"] * 25 + ["b"] * 15
    predicted = predict_held_out(x, y, groups)
    assert predicted is not None
    by_others = np.polyval(np.polyfit(x[25:], y[25:], 2), x[:25])
    assert predicted[:25] == pytest.approx(by_others)
    assert predicted[25:] == pytest.approx(np.polyval(np.polyfit(x[:25], y[:25], 2), x[25:]))


@pytest.mark.parametrize(
    "groups", [[], ["a"] * 6, ["a", "a", "a", "b", "b", "b"]], ids=["none", "one", "too few others"]
)
def test_groups_that_cannot_be_left_out(groups: list[str]) -> None:
    x = np.arange(float(len(groups)))
    assert predict_held_out(x, x, groups) is None


def test_r2_of_predictions() -> None:
    assert held_out_r2([1, 2, 3], [1, 2, 3]) == 1
    assert held_out_r2([1, 2, 3], [2, 2, 2]) == 0
    assert held_out_r2([1, 2, 3], [3, 2, 1]) == -3
    assert held_out_r2([2, 2], [1, 3]) is None
    assert np.isnan(held_out_r2([1, nan], [1, 1]) or nan)
