from __future__ import annotations

from math import nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forget.metrics.flips import flips


def test_nothing_to_guess() -> None:
    assert flips(30, 10, 200, 0.5, 0.0) == pytest.approx((0.15, 0.05))


def test_the_worked_example() -> None:
    # 30 of 200 lost, 10 gained, four choices: a0 = .5, a1 = .4, guessed .5 * .6 / 3 = .1
    assert flips(30, 10, 200, 0.5, 0.25) == pytest.approx((0.05, 0.0))


def test_chance_1_in_2_takes_the_product_of_what_was_wrong() -> None:
    assert flips(60, 40, 200, 0.7, 0.5) == pytest.approx((0.3 - 0.3 * 0.4, 0.2 - 0.3 * 0.4))


def simulated(knew: float, knows: float, *, same: bool) -> tuple[float, float]:
    """Return flips of two models that know so many items and guess the rest among four choices."""
    random = np.random.default_rng(0)
    n = 200_000
    before = random.random(n)
    after = before if same else random.random(n)
    base = (before < knew) | (random.random(n) < 0.25)
    other = (after < knows) | (random.random(n) < 0.25)
    lost, gained = int((base & ~other).sum()), int((other & ~base).sum())
    return flips(lost, gained, n, base.mean(), 0.25)


def test_guessing_anew_is_not_forgetting() -> None:
    assert simulated(0, 0, same=True) == pytest.approx((0, 0), abs=0.003)


def test_what_was_known_and_is_wrong_now_is() -> None:
    found = simulated(0.6, 0.4, same=False)
    assert found == pytest.approx((0.6 * 0.6 * 0.75, 0.4 * 0.4 * 0.75), abs=0.003)


def test_not_all_guessing_is_taken_off_where_both_guess_the_same_items() -> None:
    found = simulated(0.4, 0.4, same=True)
    assert found == pytest.approx([0.6 * 0.4 * 0.25 * 0.75] * 2, abs=0.003)


@given(st.data(), st.integers(1, 500), st.sampled_from([0.0, 0.25, 0.5]))
def test_turning_the_models_round_turns_the_two(
    data: st.DataObject, items: int, chance: float
) -> None:
    right = data.draw(st.integers(0, items))
    lost = data.draw(st.integers(0, right))
    gained = data.draw(st.integers(0, items - right))
    there = flips(lost, gained, items, right / items, chance)
    back = flips(gained, lost, items, (right - lost + gained) / items, chance)
    assert there == pytest.approx(back[::-1], abs=1e-12)
    assert 0 <= there.forgetting <= lost / items
    assert 0 <= there.backward_transfer <= gained / items


def test_everything_was_right_or_nothing_was() -> None:
    assert flips(0, 0, 7, 1.0, 0.25) == (0, 0)
    assert flips(7, 0, 7, 1.0, 0.25) == (1, 0)
    assert flips(0, 7, 7, 0.0, 0.25) == (0, 1)


@pytest.mark.parametrize("chance", [1.0, -0.1, 25.0, nan])
def test_no_such_chance(chance: float) -> None:
    with pytest.raises(ValueError, match=r"chance must lie in \[0, 1\)"):
        flips(1, 1, 10, 0.5, chance)


@pytest.mark.parametrize(("lost", "gained", "items"), [(0, 0, 0), (-1, 2, 10), (6, 5, 10)])
def test_counts_that_cannot_be(lost: int, gained: int, items: int) -> None:
    with pytest.raises(ValueError, match="are not counts among"):
        flips(lost, gained, items, 0.5, 0.25)
