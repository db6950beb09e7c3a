from __future__ import annotations

from math import sqrt
from random import Random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forget.metrics import Average, PairedDifference, macro_average, paired_difference


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


def test_two_standard_errors_cover_the_truth_95_times_in_100() -> None:
    random = Random(20260301)
    trials, n, lose, win = 1500, 300, 0.08, 0.05
    covered = 0
    for _ in range(trials):
        draws = [random.random() for _ in range(n)]
        base = [float(x < lose) for x in draws]
        other = [float(lose <= x < lose + win) for x in draws]
        found = paired_difference(base, other)
        assert found.stderr is not None
        covered += abs(found.delta - (win - lose)) <= 2 * found.stderr
    # 0.954 for the normal distribution; 4 standard errors of 1,500 trials are 0.022.
    assert covered / trials == pytest.approx(0.954, abs=0.022)


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
