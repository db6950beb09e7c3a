from __future__ import annotations

import tracemalloc
from math import inf, nan, sqrt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats import contingency_tables

from forget.metrics.significance import DRAWS, flip_null, mcnemar, sign_flip_p
from simulations import pair_of

counts = st.integers(0, 300)


@given(counts, counts)
def test_exact_against_statsmodels_and_scipy(lost: int, gained: int) -> None:
    found = mcnemar(lost, gained).exact
    if lost + gained:
        table = np.array([[5, lost], [gained, 5]])
        expected = contingency_tables.mcnemar(table, exact=True).pvalue
        assert found == pytest.approx(expected, rel=1e-9)
        assert found == pytest.approx(stats.binomtest(lost, lost + gained).pvalue, rel=1e-9)


@pytest.mark.parametrize(
    ("lost", "gained", "exact", "mid"), [(1, 7, 0.070, 0.039), (6, 16, 0.052, 0.035)]
)
def test_the_examples_of_fagerland_and_others(
    lost: int, gained: int, exact: float, mid: float
) -> None:
    assert tuple(round(p, 3) for p in mcnemar(lost, gained)) == (exact, mid)


@pytest.mark.parametrize(
    ("lost", "gained", "printed"),
    [(118, 45, "9.7e-09"), (200, 127, "6.4e-05"), (282, 209, "1.1e-03"), (363, 291, "5.5e-03")],
)
def test_2_23_points_of_boolq(lost: int, gained: int, printed: str) -> None:
    assert (gained - lost) / 3270 == pytest.approx(-0.0223, abs=0.0003)
    assert f"{mcnemar(lost, gained).exact:.1e}" == printed


@given(counts, counts)
def test_mid_p_takes_off_half_of_each_tails_end(lost: int, gained: int) -> None:
    found, changed = mcnemar(lost, gained), lost + gained
    assert found == mcnemar(gained, lost)
    assert 0 < found.mid <= found.exact <= 1
    point = stats.binom.pmf(lost, changed, 0.5) if changed else 0.0
    two_tails = 2 * stats.binom.cdf(min(lost, gained), changed, 0.5)
    expected = 1 - point / 2 if lost == gained else two_tails - point
    assert found.mid == pytest.approx(expected, rel=1e-9)


@given(st.integers(0, 100), st.integers(0, 100))
def test_one_more_lost_item_is_more_evidence(gained: int, more: int) -> None:
    lost = gained + more
    assert mcnemar(lost + 1, gained).exact <= mcnemar(lost, gained).exact
    assert mcnemar(lost + 1, gained).mid < mcnemar(lost, gained).mid


def test_no_discordant_pair_and_very_many() -> None:
    assert mcnemar(0, 0) == (1.0, 1.0)
    assert mcnemar(1, 0) == (1.0, 0.5)
    assert mcnemar(1_000_000, 1_000_000).exact == 1.0
    z = 4000 / sqrt(2_004_000)
    assert mcnemar(1_004_000, 1_000_000).exact == pytest.approx(2 * stats.norm.sf(z), rel=0.02)
    assert 0 <= mcnemar(10_000, 0).exact < 1e-300


def test_negative_counts() -> None:
    with pytest.raises(ValueError, match="cannot be negative: -1, 2"):
        mcnemar(-1, 2)


@given(st.integers(0, 60), st.integers(0, 60), st.sampled_from([1.0, 1e-9, 0.3, 1e9]))
def test_sign_flips_of_right_and_wrong_are_mcnemars(lost: int, gained: int, scale: float) -> None:
    units = pair_of(lost, gained, lost + gained + 5).d * scale
    assert sign_flip_p(units) == pytest.approx(mcnemar(lost, gained).exact, rel=1e-9)


@pytest.mark.parametrize("seed", range(4))
def test_sign_flips_against_scipy(seed: int) -> None:
    random = np.random.default_rng(seed)
    d = random.normal(0.2, 1, 11)
    expected = stats.permutation_test(
        (d,), np.sum, permutation_type="samples", n_resamples=inf, alternative="two-sided"
    )
    assert sign_flip_p(d) == pytest.approx(expected.pvalue, abs=4 * sqrt(0.25 / DRAWS))


def test_sign_flips_of_many_are_the_t_test() -> None:
    d = np.random.default_rng(2).laplace(0.05, 1, 2000)
    assert sign_flip_p(d) == pytest.approx(stats.ttest_1samp(d, 0).pvalue, abs=0.015)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=8))
def test_flipped_or_scaled_differences_are_as_likely(values: list[float]) -> None:
    units = np.round(np.array(values), 3)
    p = sign_flip_p(units)
    assert 0 < p <= 1
    assert sign_flip_p(-units) == p
    assert sign_flip_p(units * 1e-7) == p
    assert sign_flip_p(np.append(units, [0.0, 0.0])) == p


def test_differences_that_are_nearly_of_one_size_lose_no_ties() -> None:
    units = np.array([1.0, 1.000005, -1.0])
    assert sign_flip_p(units) == pytest.approx(0.75, abs=0.02)  # and 1 for equal ones
    assert sign_flip_p(np.array([1.0, 1 + 1e-12, -1.0])) == 1
    tiny = np.array([1e-9, 2e-9, 3e-9, 4e-9])
    assert sign_flip_p(tiny) == pytest.approx(sign_flip_p(tiny * 1e9))


def test_nothing_changed_one_unit_and_the_most_that_can_be() -> None:
    assert sign_flip_p(np.zeros(9)) == 1
    assert sign_flip_p(np.array([])) == 1
    assert sign_flip_p(np.array([-0.4])) == 1
    assert sign_flip_p(np.full(10, -0.1)) == pytest.approx(2 / 2**10)
    assert sign_flip_p(np.linspace(1, 2, 60)) == 1 / (DRAWS + 1)


def test_the_null_of_larger_than_seen_values() -> None:
    exact = flip_null(np.array([1.0, 1.0, -1.0]))
    assert [exact.p(t) for t in (0, 1 / sqrt(3), 1, sqrt(3), 2)] == [1, 1, 0.25, 0.25, 0]
    drawn = flip_null(np.linspace(1, 2, 30))
    assert drawn.p(0) == 1
    assert drawn.p(1e9) == 1 / (DRAWS + 1)
    assert flip_null(np.zeros(3)).p(0.1) == 0


@pytest.mark.parametrize("bad", [nan, inf])
def test_not_numbers(bad: float) -> None:
    with pytest.raises(ValueError, match="must be finite numbers"):
        sign_flip_p(np.array([0.1, bad]))


def test_the_signs_of_a_large_benchmark_take_little_memory() -> None:
    d = np.random.default_rng(4).normal(size=14_042)
    tracemalloc.start()
    try:
        sign_flip_p(d)
        assert tracemalloc.get_traced_memory()[1] < 80e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [2, 5, 10, 12])
def test_all_signs_of_a_few_graded_items_are_tried(count: int) -> None:
    random = np.random.default_rng(count)
    units = random.standard_normal(count) - 0.5
    expected = stats.permutation_test(
        (units,), np.sum, permutation_type="samples", n_resamples=np.inf
    )
    assert sign_flip_p(units) == pytest.approx(expected.pvalue, abs=1e-12)


def test_ten_items_that_all_fell() -> None:
    assert sign_flip_p(-np.arange(1.0, 11.0)) == 2 / 2**10
