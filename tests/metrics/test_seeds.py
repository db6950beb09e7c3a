from __future__ import annotations

from math import inf, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.formula.api import ols
from statsmodels.stats.anova import anova_lm

from forget.metrics import paired_difference
from forget.metrics.seeds import average_pooled, pool_seeds


def table(seed: int, seeds: int = 4, items: int = 30, effect: float = 0.5) -> np.ndarray:
    random = np.random.default_rng(seed)
    training = random.normal(0, effect, (seeds, 1))
    return training + random.normal(0, 0.5, items) + random.normal(0, 0.3, (seeds, items))


def test_against_statsmodels_analysis_of_variance() -> None:
    import pandas as pd

    d = table(0)
    S, n = d.shape
    long = pd.DataFrame(
        {"d": d.ravel(), "seed": np.repeat(np.arange(S), n), "item": np.tile(np.arange(n), S)}
    )
    squares = anova_lm(ols("d ~ C(seed) + C(item)", long).fit())
    seed, item, rest = squares["sum_sq"] / squares["df"]
    found = pool_seeds(d)
    assert found.delta == found.estimate.centre == pytest.approx(d.mean())
    assert found.estimate.spread == pytest.approx(sqrt((seed + item - rest) / (S * n)))
    assert found.seed_sd == pytest.approx(sqrt((seed - rest) / n))
    assert (found.seeds, found.items) == (S, n)


def test_trainings_alike_are_one() -> None:
    one = np.random.default_rng(1).normal(-0.1, 0.3, 200)
    found = pool_seeds(np.tile(one, (3, 1)))
    single = paired_difference(0 * one, one).estimate
    assert single is not None
    assert found.seed_sd == 0
    assert found.estimate.spread == pytest.approx(single.spread)
    assert found.estimate.degrees == pytest.approx(199)


def test_where_trainings_differ_most_they_are_what_counts() -> None:
    d = np.array([[-0.1], [-0.2], [-0.6]]) + np.zeros(500)
    found = pool_seeds(d)
    expected = stats.ttest_1samp([-0.1, -0.2, -0.6], 0)
    assert found.seed_sd == pytest.approx(np.std([-0.1, -0.2, -0.6], ddof=1))
    assert found.estimate.degrees == pytest.approx(2)
    assert found.estimate.p_two_sided() == pytest.approx(expected.pvalue)


@given(st.integers(0, 100), st.integers(2, 6), st.integers(2, 20))
def test_degrees_lie_between_those_of_seeds_and_of_items(seed: int, seeds: int, items: int) -> None:
    degrees = pool_seeds(table(seed, seeds, items)).estimate.degrees
    low, high = sorted((seeds - 1, items - 1))
    assert low - 1e-9 <= degrees <= high + 1e-9


def test_turned_and_reordered_trainings() -> None:
    d = table(3)
    found = pool_seeds(d)
    assert pool_seeds(-d).estimate.spread == pytest.approx(found.estimate.spread)
    assert pool_seeds(d[::-1, ::-1]).estimate == pytest.approx(found.estimate)


def test_clusters_of_one_item_are_items() -> None:
    d = table(4)
    assert pool_seeds(d, np.arange(30)).estimate == pytest.approx(pool_seeds(d).estimate)


def test_clusters_alike_are_the_means_of_their_items() -> None:
    d = table(5)
    found = pool_seeds(d, np.repeat(np.arange(6), 5))
    expected = pool_seeds(d.reshape(4, 6, 5).mean(axis=2))
    assert found.estimate == pytest.approx(expected.estimate)
    assert found.items == 30


def test_sizes_of_clusters_alone_are_no_spread() -> None:
    clusters = np.repeat(np.arange(4), [1, 2, 20, 7])
    found = pool_seeds(np.full((3, 30), -0.2), clusters)
    assert found.delta == pytest.approx(-0.2)
    assert found.estimate.spread == pytest.approx(0, abs=1e-12)


def test_nothing_changed_in_any_training() -> None:
    found = pool_seeds(np.zeros((3, 50)))
    assert (found.delta, found.seed_sd, found.estimate.spread) == (0, 0, 0)
    assert found.estimate.p_two_sided() == 1


@pytest.mark.parametrize("shape", [(1, 9), (3, 1)])
def test_too_few(shape: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="two trainings and two items or clusters at least"):
        pool_seeds(np.zeros(shape))


def test_a_single_cluster() -> None:
    with pytest.raises(ValueError, match="two trainings and two items or clusters at least"):
        pool_seeds(np.zeros((3, 9)), np.zeros(9, dtype=int))


@pytest.mark.parametrize("d", [[0.1, 0.2], [[0.1, nan], [0.1, 0.2]]])
def test_not_a_table_of_numbers(d: list[float]) -> None:
    with pytest.raises(ValueError, match=r"need finite differences \(seeds, items\)"):
        pool_seeds(np.array(d))


def test_clusters_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="need the cluster of each of 9 items"):
        pool_seeds(np.zeros((3, 9)), np.zeros(3, dtype=int))


def test_averages_over_seeds() -> None:
    found = average_pooled(np.array([-0.01, -0.02, -0.03]), 0.0)
    assert found[:3] == pytest.approx((-0.02, 0.01 / sqrt(3), 2))
    wider = average_pooled(np.array([-0.01, -0.02, -0.03]), 1e-4)
    assert wider.spread == pytest.approx(sqrt(1e-4 / 3 + 1e-4))
    assert wider.degrees == pytest.approx(8)
    assert average_pooled(np.zeros(3), 1e-4)[:3] == pytest.approx((0, 0.01, inf))
    assert average_pooled(np.zeros(3), 0.0).p_two_sided() == 1


@pytest.mark.parametrize(
    ("deltas", "variance", "message"),
    [([0.1], 0.0, "two trainings"), ([0.1, 0.2], -1.0, "variance"), ([0.1, 0.2], nan, "variance")],
)
def test_averages_that_cannot_be(deltas: list[float], variance: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        average_pooled(np.array(deltas), variance)
