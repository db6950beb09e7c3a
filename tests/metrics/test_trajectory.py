from __future__ import annotations

from math import inf, nan, sqrt

import numpy as np
import pytest
from scipy import stats

from forget.metrics import paired_difference
from forget.metrics.paired import cluster_sums
from forget.metrics.trajectory import covariance, simultaneous_factor


def test_the_covariance_of_means_is_numpys() -> None:
    units = np.random.default_rng(0).normal(size=(50, 4))
    expected = np.cov(units.T) / 50
    assert covariance(units) == pytest.approx(expected)
    assert covariance(units, np.ones(50)) == pytest.approx(expected)


def test_its_diagonal_is_the_squared_standard_error() -> None:
    random = np.random.default_rng(1)
    clusters = np.repeat(np.arange(12), 5)
    d = random.normal(size=(60, 3))
    for column, variance in zip(d.T, np.diag(covariance(d)), strict=True):
        assert paired_difference(0 * column, column).stderr == pytest.approx(sqrt(variance))
    for column, variance in zip(d.T, np.diag(covariance(*cluster_sums(d, clusters))), strict=True):
        found = paired_difference(0 * column, column, clusters)
        assert found.stderr == pytest.approx(sqrt(variance))


@pytest.mark.parametrize("checkpoints", [2, 5, 16])
@pytest.mark.parametrize("level", [0.9, 0.95])
def test_independent_checkpoints_need_sidaks_factor(checkpoints: int, level: float) -> None:
    sidak = stats.norm.ppf((1 + level ** (1 / checkpoints)) / 2)
    assert simultaneous_factor(np.eye(checkpoints), level) == pytest.approx(sidak, abs=0.03)


@pytest.mark.parametrize("degrees", [5.0, 9.0, 30.0])
def test_with_errors_that_are_uncertain_too_it_is_of_students_t(degrees: float) -> None:
    sidak = stats.t.ppf((1 + 0.95 ** (1 / 8)) / 2, degrees)
    found = simultaneous_factor(np.diag(np.arange(1.0, 9.0)), 0.95, degrees)
    assert found == pytest.approx(sidak, rel=0.03)


@pytest.mark.parametrize("degrees", [inf, 9.0])
def test_identical_checkpoints_need_that_of_one(degrees: float) -> None:
    one = stats.norm.ppf(0.975) if degrees == inf else stats.t.ppf(0.975, degrees)
    found = simultaneous_factor(np.full((6, 6), 0.3), 0.95, degrees)
    assert found == pytest.approx(one, rel=0.02)
    assert found >= one * (1 - 1e-12)


def test_the_more_alike_the_less() -> None:
    factors = [
        simultaneous_factor(np.full((8, 8), r) + (1 - r) * np.eye(8)) for r in (0, 0.5, 0.9, 0.999)
    ]
    assert factors == sorted(factors, reverse=True)


def test_opposite_checkpoints_are_as_one() -> None:
    assert simultaneous_factor(np.array([[1.0, -1.0], [-1.0, 1.0]])) == pytest.approx(
        1.96, abs=0.03
    )


def test_scale_does_not_matter() -> None:
    covariances = np.cov(np.random.default_rng(2).normal(size=(4, 30)))
    scale = np.diag([1, 10, 100, 1000.0])
    scaled = simultaneous_factor(scale @ covariances @ scale)
    assert scaled == pytest.approx(simultaneous_factor(covariances), rel=0.01)


def test_checkpoints_without_a_change_and_single_ones() -> None:
    assert simultaneous_factor(np.zeros((3, 3))) == pytest.approx(1.959964)
    assert simultaneous_factor(np.diag([0, 2.0, 0])) == pytest.approx(1.959964)
    assert simultaneous_factor(np.ones((1, 1)), 0.9, 4) == pytest.approx(stats.t.ppf(0.95, 4))
    with_a_still_one = simultaneous_factor(np.diag([1.0, 0, 1, 1]))
    assert with_a_still_one == pytest.approx(simultaneous_factor(np.eye(3)))


def test_a_single_item_has_no_covariance() -> None:
    assert (covariance(np.ones((1, 2))) == 0).all()


@pytest.mark.parametrize("units", [[], [[1.0, nan]], [1.0, 2.0]])
def test_not_a_table_of_numbers(units: list[float]) -> None:
    with pytest.raises(ValueError, match=r"need finite differences \(items, checkpoints\)"):
        covariance(np.array(units))


def test_no_such_level_and_no_number() -> None:
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\)"):
        simultaneous_factor(np.eye(2), 95)
    with pytest.raises(ValueError, match="must be finite numbers"):
        simultaneous_factor(np.array([[1.0, nan], [nan, 1.0]]))
