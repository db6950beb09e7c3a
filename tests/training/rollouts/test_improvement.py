"""Improved policies against their closed forms and limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from forget.training.rollouts.improvement import (
    best_of,
    divergence,
    filtered,
    fitted_beta,
    tilted,
)


def binary(right: int, total: int) -> list[float]:
    return [1.0] * right + [0.0] * (total - right)


@pytest.mark.parametrize("beta", [0.1, 0.25, 0.5, 2.0])
@pytest.mark.parametrize(("right", "total"), [(1, 8), (59, 100), (7, 8)])
def test_the_tilted_policy_of_a_binary_reward(right: int, total: int, beta: float) -> None:
    """p+ = p e^(1/b) / (1 - p + p e^(1/b)); KL = p+/b - log(1 - p + p e^(1/b))."""
    p, gain = right / total, math.exp(1 / beta)
    normalizer = 1 - p + p * gain
    weights = tilted(binary(right, total), beta)
    improved = sum(weights[:right])
    assert improved == pytest.approx(p * gain / normalizer, rel=1e-12)
    assert improved >= p
    assert divergence(weights) == pytest.approx(
        improved / beta - math.log(normalizer), rel=1e-9, abs=1e-12
    )
    assert divergence(weights) <= -math.log(p) + 1e-12


def test_numbers_of_the_definition() -> None:
    assert sum(tilted(binary(59, 100), 0.5)[:59]) == pytest.approx(0.914, abs=5e-4)
    assert divergence(tilted(binary(59, 100), 0.25)) == pytest.approx(0.465, abs=5e-4)
    assert divergence(filtered(binary(59, 100))) == pytest.approx(0.528, abs=5e-4)
    assert sum(tilted(binary(10, 100), 0.5)[:10]) == pytest.approx(0.451, abs=5e-4)
    assert divergence(tilted(binary(10, 100), 0.5)) == pytest.approx(0.408, abs=5e-4)


def test_limits() -> None:
    rewards = [0.3, 1.0, 1.0, -2.0]
    assert tilted(rewards, math.inf) == [0.25] * 4
    assert tilted(rewards, 0) == filtered(rewards) == [0, 0.5, 0.5, 0]
    assert tilted(rewards, 1e-3) == pytest.approx(filtered(rewards), abs=1e-12)
    assert divergence([0.25] * 4) == 0


def test_any_baseline_cancels() -> None:
    rewards = [0.3, 1.0, 0.7]
    assert tilted([r - 100 for r in rewards], 0.5) == pytest.approx(tilted(rewards, 0.5))


def test_to_first_order_it_is_the_policy_gradient() -> None:
    """w_i - 1/K = (r_i - mean r) / (K beta) + O(1/beta^2)."""
    rewards = np.array([0.0, 1.0, 0.4, 0.4, 2.0])
    for beta in (1e2, 1e3, 1e4):
        found = np.array(tilted(list(rewards), beta)) - 1 / 5
        assert np.abs(found - (rewards - rewards.mean()) / (5 * beta)).max() < 2 / beta**2


@pytest.mark.parametrize(("p", "expected"), [(0.1, 0.334), (0.59, 0.897)])
def test_the_bias_of_few_draws_is_the_predicted_one(p: float, expected: float) -> None:
    """The exact mean over how many of 8 draws are right."""
    mean = sum(
        math.comb(8, right) * p**right * (1 - p) ** (8 - right)
        * sum(tilted(binary(right, 8), 0.5)[:right])
        for right in range(9)
    )  # fmt: skip
    assert mean == pytest.approx(expected, abs=5e-4)


@pytest.mark.parametrize("n", [1, 2, 5])
def test_the_best_of_n(n: int) -> None:
    weights = best_of(binary(3, 10), n)
    assert sum(weights) == pytest.approx(1)
    assert sum(weights[:3]) == pytest.approx(1 - 0.7**n)
    ranks = best_of([3.0, 1.0, 2.0, 4.0], n)
    assert ranks == pytest.approx([(k / 4) ** n - ((k - 1) / 4) ** n for k in (3, 1, 2, 4)])
    drawn = np.random.default_rng(0).integers(0, 4, (100_000, n)).max(axis=1)
    assert sorted(ranks) == pytest.approx(np.bincount(drawn, minlength=4) / 1e5, abs=6e-3)
    assert divergence(ranks) <= math.log(n) - (n - 1) / n + 0.2  # exact for infinitely many draws


def test_a_budget_settles_the_temperature() -> None:
    groups = [binary(1, 8), binary(4, 8), [0.1, 0.9, 0.5]]
    beta = fitted_beta(groups, 0.3)
    assert sum(divergence(tilted(g, beta)) for g in groups) / 3 == pytest.approx(0.3, abs=1e-8)
    assert fitted_beta(groups, 100.0) == 0
    assert fitted_beta(groups, 0.0) == math.inf
