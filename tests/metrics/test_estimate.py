from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from statsmodels.stats.weightstats import ttost_paired

from forget.metrics import Estimate, paired_difference
from forget.metrics.estimate import equivalence_p

estimates = st.builds(
    Estimate,
    st.floats(-1, 1),
    st.floats(1e-6, 1),
    st.sampled_from([1.0, 2.5, 9.0, 300.0, inf]),
    st.just(inf),
)


def test_normal_and_students_intervals() -> None:
    assert Estimate(0, 1, inf).interval() == pytest.approx((-1.959964, 1.959964), abs=1e-6)
    assert Estimate(2, 0.5, 4).interval() == pytest.approx(stats.t(4, 2, 0.5).interval(0.95))
    assert Estimate(2, 0.5, 4).lower_bound() == pytest.approx(stats.t(4, 2, 0.5).ppf(0.05))
    assert Estimate(2, 0.5, 4).within(3) == (0.5, 3.5)


@pytest.mark.parametrize("degrees", [1.0, 7.5, 1e9])
def test_p_is_of_the_t_test(degrees: float) -> None:
    estimate = Estimate(-0.3, 0.1, degrees)
    assert estimate.p_two_sided() == pytest.approx(2 * stats.t.sf(3, degrees))


def test_p_is_of_the_z_test() -> None:
    assert Estimate(-0.3, 0.1, inf).p_two_sided() == pytest.approx(2 * stats.norm.sf(3))
    assert Estimate(1.0, 1e-3, inf).p_two_sided() == 0.0


def test_p_without_a_spread() -> None:
    assert Estimate(0, 0, inf).p_two_sided() == 1
    assert Estimate(0.1, 0, 5).p_two_sided() == 0


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("margin", [0.01, 0.1, 1.0])
def test_equivalence_against_statsmodels(seed: int, margin: float) -> None:
    random = np.random.default_rng(seed)
    base = random.random(60)
    other = base + random.normal(0.02, 0.1, 60)
    found = paired_difference(base, other).estimate
    assert found is not None
    expected = ttost_paired(other, base, -margin, margin)[0]
    assert equivalence_p(found, margin) == pytest.approx(expected, rel=1e-9)


@given(estimates, st.floats(1e-3, 1), st.floats(0.001, 0.4))
def test_equivalence_is_a_narrower_interval_inside_the_margin(
    estimate: Estimate, margin: float, alpha: float
) -> None:
    low, high = estimate.interval(1 - 2 * alpha)
    room = min(low + margin, margin - high)
    if abs(room) > 1e-9:
        assert (equivalence_p(estimate, margin) < alpha) == (room > 0)
        assert (estimate.lower_bound(1 - alpha) > -margin) == (low > -margin)


@given(estimates, st.floats(0.01, 0.98), st.floats(0.001, 0.019))
def test_intervals_of_higher_confidence_hold_those_of_lower(
    estimate: Estimate, level: float, more: float
) -> None:
    inner, outer = estimate.interval(level), estimate.interval(level + more)
    assert outer.low < inner.low < inner.high < outer.high


@given(estimates, st.floats(0.01, 0.99))
def test_an_interval_holds_0_exactly_if_p_is_as_large(estimate: Estimate, level: float) -> None:
    low, high = estimate.interval(level)
    p = estimate.p_two_sided()
    if abs(p - (1 - level)) > 1e-9:
        assert (low <= 0 <= high) == (p > 1 - level)


@given(estimates, st.floats(0.001, 2))
def test_turning_the_sign_changes_no_p(estimate: Estimate, margin: float) -> None:
    turned = estimate._replace(centre=-estimate.centre)
    assert turned.p_two_sided() == estimate.p_two_sided()
    assert equivalence_p(turned, margin) == pytest.approx(equivalence_p(estimate, margin))


def test_equivalence_without_a_spread() -> None:
    assert equivalence_p(Estimate(0.0, 0.0, 9), 0.01) == 0
    assert equivalence_p(Estimate(0.02, 0.0, 9), 0.01) == 1
    assert equivalence_p(Estimate(0.01, 0.0, 9), 0.01) == 0.5


@pytest.mark.parametrize("margin", [0.0, -0.01, nan])
def test_no_such_margin(margin: float) -> None:
    with pytest.raises(ValueError, match="margin must be above 0"):
        equivalence_p(Estimate(0, 1, inf), margin)


@pytest.mark.parametrize("level", [0.0, 1.0, -0.5, 95.0, nan])
def test_no_such_level(level: float) -> None:
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), not"):
        Estimate(0, 1, inf).interval(level)
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\), not"):
        Estimate(0, 1, 9).lower_bound(level)


def test_intervals_end_where_differences_end() -> None:
    assert Estimate(-0.5, 1.0, inf, limit=1.0).interval() == (-1.0, 1.0)
    found = paired_difference([1.0, 1.0], [0.0, 0.0]).estimate
    assert found is not None
    low, high = found.interval()
    assert low == -1.0
    assert -1.0 < high < 1.0
