from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from forget.metrics.multiplicity import benjamini_hochberg, holm, max_statistic_p
from forget.metrics.significance import flip_null
from simulations import pair_of

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=12)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_against_statsmodels(seed: int) -> None:
    random = np.random.default_rng(seed)
    p = np.round(random.random(10) ** 3, 3)  # some of them tie
    assert holm(p) == pytest.approx(multipletests(p, method="holm")[1], abs=1e-12)
    assert benjamini_hochberg(p) == pytest.approx(multipletests(p, method="fdr_bh")[1], abs=1e-12)


def test_the_worked_example() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert benjamini_hochberg([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.02, 0.04, 0.04, 0.02])


def test_the_worst_of_ten_by_holm() -> None:
    # BoolQ at psi .20, and nine benchmarks on which nothing is to be seen
    assert round(holm([0.005457647718398911, *[0.5] * 9])[0], 3) == 0.055


@given(p_values)
def test_corrected_p_values_keep_their_order_and_are_no_smaller(p: list[float]) -> None:
    for adjusted in (holm(p), benjamini_hochberg(p)):
        assert (adjusted >= np.array(p) - 1e-15).all()
        assert (adjusted <= 1).all()
        assert (np.diff(adjusted[np.argsort(p)]) >= -1e-15).all()
    assert (benjamini_hochberg(p) <= holm(p) + 1e-12).all()


@given(p_values, st.randoms())
def test_the_order_of_benchmarks_does_not_matter(p: list[float], random: object) -> None:
    order = np.random.default_rng(len(p)).permutation(len(p))
    assert holm(np.array(p)[order]) == pytest.approx(holm(p)[order])


@given(p_values, st.data())
def test_a_smaller_p_makes_none_larger(p: list[float], data: st.DataObject) -> None:
    less = list(p)
    at = data.draw(st.integers(0, len(p) - 1))
    less[at] = data.draw(st.floats(0, p[at]))
    assert (holm(less) <= holm(p) + 1e-15).all()


def test_one_none_all_and_nothing() -> None:
    assert holm([0.03]) == pytest.approx([0.03])
    assert holm([0.0, 1.0]) == pytest.approx([0.0, 1.0])
    assert (holm([1.0] * 10) == 1).all()
    assert (benjamini_hochberg([1.0] * 10) == 1).all()
    assert holm([]).size == benjamini_hochberg([]).size == 0


@pytest.mark.parametrize("p", [[0.1, 1.1], [-0.1], [nan, 0.5]])
def test_not_probabilities(p: list[float]) -> None:
    for correct in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match=r"must lie in \[0, 1\]"):
            correct(p)


def test_not_one_row() -> None:
    for correct in (holm, benjamini_hochberg):
        with pytest.raises(ValueError, match="in one row, not of the shape"):
            correct([[0.1, 0.2]])


def nulls_of(*counts: tuple[int, int]) -> list:
    return [flip_null(pair_of(lost, gained, 500).d) for lost, gained in counts]


def test_the_maximum_of_one_is_itself() -> None:
    (found,) = max_statistic_p(nulls_of((30, 10)))
    (null,) = nulls_of((30, 10))
    assert found == pytest.approx(null.p(null.observed))


def test_the_maximum_of_like_benchmarks_is_sidaks() -> None:
    nulls = nulls_of((30, 10), *[(20, 20)] * 9)
    p = nulls[0].p(nulls[0].observed)
    found = max_statistic_p(nulls)
    assert found[0] == pytest.approx(1 - (1 - p) ** 10)
    assert found[1:] == [1.0] * 9


def test_benchmarks_without_a_change_do_not_count() -> None:
    nulls = nulls_of((30, 10), *[(0, 0)] * 9)
    assert max_statistic_p(nulls) == pytest.approx([nulls[0].p(nulls[0].observed), *[1.0] * 9])


def test_the_maximum_against_drawn_signs() -> None:
    random = np.random.default_rng(3)
    units = [random.normal(0.1, 1, 40) for _ in range(4)]
    found = max_statistic_p([flip_null(x) for x in units])

    def largest(signs: list) -> float:
        return max(
            abs((s * x).sum()) / np.sqrt((x**2).sum()) for s, x in zip(signs, units, strict=True)
        )

    drawn = [largest([random.choice([-1, 1], 40) for _ in units]) for _ in range(4000)]
    for x, p in zip(units, found, strict=True):
        seen = abs(x.sum()) / np.sqrt((x**2).sum())
        assert p == pytest.approx(np.mean(np.array(drawn) >= seen), abs=0.03)


def test_no_p_is_0_and_none_of_nothing() -> None:
    assert 0 < max_statistic_p(nulls_of((200, 0), (5, 5)))[0] < 1e-50
    assert max_statistic_p([]) == []


@pytest.mark.slow
def test_the_worst_of_ten_is_called_in_at_most_5_of_100_samples() -> None:
    random = np.random.default_rng(8)
    counts = random.multinomial(400, [0.05, 0.05, 0.9], size=(1000, 10))
    smallest = [min(max_statistic_p(nulls_of(*rows[:, :2]))) for rows in counts]
    assert 0.02 < np.mean(np.array(smallest) <= 0.05) <= 0.05 + 3 * 0.007
