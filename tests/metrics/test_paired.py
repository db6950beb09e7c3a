from __future__ import annotations

from math import inf, nan, sqrt
from random import Random
from statistics import mean

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forget.metrics import Average, PairedDifference, macro_average, paired_difference
from simulations import pair_of


def coins(random: Random, count: int, chance: float) -> list[float]:
    return [float(random.random() < chance) for _ in range(count)]


@pytest.mark.parametrize("seed", range(5))
def test_against_scipys_paired_t_test(seed: int) -> None:
    from scipy.stats import ttest_rel

    random = Random(seed)
    base = [random.random() for _ in range(50 + seed)]
    other = [x + random.gauss(-0.1, 0.3) for x in base]
    found = paired_difference(base, other)
    expected = ttest_rel(other, base)
    assert found.delta == pytest.approx(mean(other) - mean(base), abs=1e-12)
    assert found.stderr is not None
    assert found.delta / found.stderr == pytest.approx(expected.statistic, rel=1e-9)
    low, high = expected.confidence_interval(0.95)
    assert low < found.delta < high


@pytest.mark.parametrize("seed", range(5))
def test_against_the_closed_form_for_right_and_wrong(seed: int) -> None:
    random = Random(seed)
    n = 200
    base = coins(random, n, 0.6)
    other = [b if random.random() < 0.8 else 1 - b for b in base]
    lost = sum(a > b for a, b in zip(base, other, strict=True))
    won = sum(a < b for a, b in zip(base, other, strict=True))
    delta, psi = (won - lost) / n, (won + lost) / n
    found = paired_difference(base, other)
    assert found[:3] == pytest.approx((delta, sqrt((psi - delta**2) / n * n / (n - 1)), n))
    assert found[3:6] == (lost, won, None)


def test_the_worked_example() -> None:
    # 100 items, 6 lost, 2 won: delta -0.04, psi 0.08
    base = [1.0] * 60 + [0.0] * 40
    other = [0.0] * 6 + [1.0] * 54 + [1.0] * 2 + [0.0] * 38
    found = paired_difference(base, other)
    assert found.delta == pytest.approx(-0.04)
    assert found.stderr == pytest.approx(sqrt((0.08 - 0.0016) / 99))
    assert found.items == 100


def test_the_interval_of_agresti_and_min() -> None:
    # R's PropCIs: diffpropci.mp(b=40, c=20, n=160)
    pair = pair_of(40, 20, 160)
    found = paired_difference(pair.base, pair.other).estimate
    assert found is not None
    assert found.interval(0.95) == pytest.approx((-0.21601726, -0.03089632), abs=1e-7)


def test_the_interval_of_scores_is_of_the_paired_t_test() -> None:
    from scipy.stats import ttest_rel

    random = np.random.default_rng(0)
    base = random.random(40)
    other = base + random.normal(0, 0.1, 40)
    found, expected = paired_difference(base, other).estimate, ttest_rel(other, base)
    assert found is not None
    assert found.interval(0.9) == pytest.approx(tuple(expected.confidence_interval(0.9)))
    assert found.p_two_sided() == pytest.approx(expected.pvalue)
    assert found.degrees == 39


def robust(d: np.ndarray, clusters: np.ndarray, correlation: float) -> tuple[float, float]:
    """Return Bell and McCaffrey's standard error and degrees of freedom by their matrices."""
    same = clusters[:, None] == clusters[None, :]
    omega = same * correlation + np.eye(len(d)) * (1 - correlation)
    ones = np.ones(len(d))
    annihilator = np.eye(len(d)) - np.outer(ones, ones) / len(d)
    groups = [(clusters == g).astype(float) for g in np.unique(clusters)]
    rows = []
    for group in groups:
        row = annihilator.T @ group
        rows.append(row * np.sqrt((group @ omega @ group) / (row @ omega @ row)))
    stderr = np.sqrt(sum((row @ d) ** 2 for row in rows)) / len(d)
    spread = np.array(rows) @ omega @ np.array(rows).T
    return float(stderr), float(np.trace(spread) ** 2 / (spread**2).sum())


@pytest.mark.parametrize("sizes", [[5] * 8, [1, 2, 3, 9, 30], [40, 1, 1], [7, 3]])
def test_clusters_against_bell_and_mccaffreys_matrices(sizes: list[int]) -> None:
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    d = np.random.default_rng(1).normal(-0.1, 1, len(clusters))
    d -= _means(d, clusters) - np.arange(len(sizes))[clusters] * 1e-3  # alike: no correlation
    found = paired_difference(0 * d, d, clusters)
    assert found.estimate is not None
    stderr, degrees = robust(d, clusters, 0.0)
    assert (found.stderr, found.estimate.degrees) == pytest.approx((stderr, degrees))
    assert found.clusters == len(sizes)


def _means(d: np.ndarray, clusters: np.ndarray) -> np.ndarray:
    return (np.bincount(clusters, d) / np.bincount(clusters))[clusters]


def test_clusters_whose_items_are_all_alike_are_scaled_for_a_correlation_of_1() -> None:
    clusters = np.repeat(np.arange(5), [2, 2, 2, 2, 12])
    d = np.array([0.3, -0.2, 0.4, -0.7, 0.25])[clusters]
    assert paired_difference(0 * d, d, clusters).stderr == pytest.approx(robust(d, clusters, 1)[0])


@pytest.mark.slow
def test_clusters_of_one_size_against_statsmodels() -> None:
    import statsmodels.api as sm

    random = np.random.default_rng(2)
    clusters = np.repeat(np.arange(12), 7)
    d = random.normal(size=84) + random.normal(size=12)[clusters]
    fit = sm.OLS(d, np.ones(84)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    found = paired_difference(0 * d, d, clusters)
    # CR1 has the factor G / (G - 1) (n - 1) / (n - k), k = 1 for a mean: for equal sizes CR2's.
    assert found.stderr == pytest.approx(fit.bse[0])
    assert found.estimate is not None
    assert found.estimate.degrees == pytest.approx(11)


def test_clusters_of_one_item_are_items() -> None:
    d = np.random.default_rng(3).normal(size=30)
    alone, clustered = paired_difference(0 * d, d), paired_difference(0 * d, d, np.arange(30))
    assert clustered.stderr == pytest.approx(alone.stderr)
    assert clustered.estimate == pytest.approx(alone.estimate)


def test_right_and_wrong_in_clusters_have_agresti_and_mins_interval() -> None:
    pair = pair_of(12, 5, 60)
    alone = paired_difference(pair.base, pair.other).estimate
    clustered = paired_difference(pair.base, pair.other, np.arange(60)).estimate
    assert alone is not None
    assert clustered is not None
    assert clustered[:2] == pytest.approx(alone[:2], rel=2e-3)  # n and n - 1
    assert clustered.degrees == pytest.approx(59)


@pytest.mark.parametrize(("lost", "gained"), [(0, 0), (40, 0), (0, 40)])
def test_clusters_that_all_changed_alike_are_not_certain(lost: int, gained: int) -> None:
    pair = pair_of(lost, gained, 40)
    found = paired_difference(pair.base, pair.other, np.repeat(np.arange(4), 10))
    assert (found.stderr, found.clusters) == (0, 4)
    assert found.estimate is not None
    assert found.estimate.spread > 0.01
    assert found.estimate.degrees == pytest.approx(3)


def test_clusters_whose_flips_cancel_are_not_certain() -> None:
    pair = [0.0, 1.0] * 20, [1.0, 0.0] * 20
    found = paired_difference(*pair, np.repeat(np.arange(20), 2)).estimate
    assert found is not None
    assert found.spread == pytest.approx(sqrt(41 / 42 / 42))


def test_a_single_cluster_has_no_spread() -> None:
    found = paired_difference([0.0, 1.0], [1.0, 1.0], [0, 0])
    assert found == (0.5, None, 2, 0, 1, 1, None)


def test_numbers_of_clusters_may_have_gaps() -> None:
    d = np.random.default_rng(4).normal(size=12)
    close, gaps = (paired_difference(0 * d, d, np.repeat(g, 4)) for g in ([0, 1, 2], [7, 3, 90]))
    assert gaps.clusters == 3
    assert gaps.estimate == pytest.approx(close.estimate)


@pytest.mark.parametrize(
    "clusters", [[0], [0, 1, 2], [0.0, 1.0], [-1, 0], ["a", "b"], [[0, 1], [0, 1]]]
)
def test_clusters_that_do_not_fit(clusters: list[int]) -> None:
    with pytest.raises(ValueError, match="need the cluster of each of 2 items as an integer"):
        paired_difference([0.0, 1.0], [1.0, 1.0], clusters)


@pytest.mark.parametrize("bad", [nan, inf])
def test_scores_that_are_not_numbers(bad: float) -> None:
    with pytest.raises(ValueError, match="scores must be finite numbers"):
        paired_difference([0.0, 1.0], [bad, 1.0])


def test_items_that_all_changed_by_as_much() -> None:
    found = paired_difference([0.5] * 9, [0.25] * 9)
    assert found[:3] == (-0.25, 0, 9)
    assert found.lost is None
    assert found.discordance is None


def test_discordance_is_the_share_that_changed() -> None:
    pair = pair_of(3, 1, 40)
    assert paired_difference(pair.base, pair.other).discordance == 0.1


def test_very_many_items() -> None:
    pair = pair_of(50_000, 40_000, 2_000_000)
    found = paired_difference(pair.base, pair.other)
    assert found.estimate is not None
    assert found.estimate.centre == pytest.approx(found.delta, rel=1e-5)
    assert found.estimate.spread == pytest.approx(found.stderr, rel=1e-4)


def test_pairing_counts() -> None:
    base, other = [0.0, 1.0, 0.0, 1.0], [0.0, 1.0, 0.0, 1.0]
    assert paired_difference(base, other)[:3] == (0.0, 0.0, 4)
    shuffled = paired_difference(base, other[::-1])
    assert shuffled.delta == 0.0
    assert shuffled.stderr == pytest.approx(sqrt(4 / 3 / 4))


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=2, max_size=40))
def test_turning_the_models_round_turns_the_sign(pairs: list[tuple[float, float]]) -> None:
    base, other = [a for a, _ in pairs], [b for _, b in pairs]
    there, back = paired_difference(base, other), paired_difference(other, base)
    assert there.delta == pytest.approx(-back.delta, abs=1e-12)
    assert there.stderr == pytest.approx(back.stderr, abs=1e-12)
    assert there.stderr is not None
    assert there.stderr >= 0


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 9), st.booleans())
def test_neither_the_order_of_items_nor_the_models_matters(
    lost: int, gained: int, seed: int, clustered: bool
) -> None:
    pair = pair_of(lost, gained, 100)
    groups = np.arange(100) // 7
    order = np.random.default_rng(seed).permutation(100)

    def spread(base: np.ndarray, other: np.ndarray, clusters: np.ndarray) -> tuple[float, ...]:
        found = paired_difference(base, other, clusters if clustered else None).estimate
        assert found is not None
        return found

    found = spread(pair.base, pair.other, groups)
    again = spread(pair.base[order], pair.other[order], groups[order])
    turned = spread(pair.other, pair.base, groups)
    assert again == pytest.approx(found)
    assert (-turned[0], *turned[1:]) == pytest.approx(found)


def test_one_item_has_no_spread() -> None:
    assert paired_difference([1.0], [0.0])[:5] == (-1.0, None, 1, 1, 0)


@pytest.mark.parametrize(
    ("base", "other"), [([], []), ([1.0], []), ([], [1.0]), ([1.0, 0.0], [1.0])]
)
def test_samples_that_cannot_be_paired(base: list[float], other: list[float]) -> None:
    with pytest.raises(ValueError, match="equally long, non-empty"):
        paired_difference(base, other)


def test_the_macro_average_counts_every_benchmark_the_same() -> None:
    found = macro_average([PairedDifference(-0.06, 0.03, 500), PairedDifference(0.02, 0.04, 14042)])
    assert found[:2] == pytest.approx((-0.02, 0.025))


def test_the_macro_average_of_one_is_itself() -> None:
    assert macro_average([PairedDifference(-0.06, 0.03, 5)]) == Average(-0.06, 0.03)


def test_the_macro_average_without_a_spread() -> None:
    found = macro_average([PairedDifference(-1.0, None, 1), PairedDifference(0.0, 0.1, 9)])
    assert found == Average(-0.5, None)


def test_the_macro_average_of_nothing() -> None:
    with pytest.raises(ValueError, match="no benchmark"):
        macro_average([])


def test_the_macro_averages_error_is_the_spread_of_averages() -> None:
    random = Random(7)
    averages, errors = [], []
    for _ in range(400):
        parts = [
            paired_difference([0.0] * n, [random.gauss(0, spread) for _ in range(n)])
            for n, spread in ((20, 1.0), (80, 0.5), (40, 2.0))
        ]
        average = macro_average(parts)
        assert average.stderr is not None
        averages.append(average.delta)
        errors.append(average.stderr)
    spread = sqrt(mean(a * a for a in averages))
    assert mean(errors) == pytest.approx(spread, rel=0.12)
