from __future__ import annotations

from math import nan, sqrt

import numpy as np
import pytest

from forget.metrics.power import (
    equivalence_sample_size,
    minimal_detectable_effect,
    sample_size,
    unpaired_sample_size,
)
from forget.metrics.significance import mcnemar
from simulations import CORE10

DROPS = (0.005, 0.01, 0.02)


@pytest.mark.parametrize(
    ("psi", "at_5_percent", "at_holms_first_step"),
    [
        (0.02, (6277, 1568, 391), (10648, 2660, 663)),
        (0.05, (15696, 3923, 979), (26623, 6654, 1662)),
        (0.06, (18835, 4707, 1175), (31948, 7985, 1994)),
        (0.10, (31394, 7847, 1960), (53248, 13310, 3326)),
        (0.15, (47091, 11771, 2941), (79874, 19966, 4990)),
    ],
)
def test_items_for_80_percent_power(
    psi: float, at_5_percent: tuple[int, ...], at_holms_first_step: tuple[int, ...]
) -> None:
    assert tuple(sample_size(psi, drop) for drop in DROPS) == at_5_percent
    assert tuple(sample_size(psi, -drop, alpha=0.005) for drop in DROPS) == at_holms_first_step


def test_items_without_pairing() -> None:
    assert [unpaired_sample_size(0.6, drop) for drop in DROPS] == [150_699, 37_675, 9_419]


@pytest.mark.parametrize(
    ("psi", "sizes"), [(0.05, [17128, 4282, 1071]), (0.10, [34256, 8564, 2141])]
)
def test_items_for_equivalence(psi: float, sizes: list[int]) -> None:
    assert [equivalence_sample_size(psi, margin) for margin in DROPS] == sizes


@pytest.mark.parametrize(
    ("benchmark", "at_5", "at_10"),
    [
        ("arc_challenge", 1.83, 2.59),
        ("arc_easy", 1.29, 1.82),
        ("hellaswag", 0.63, 0.88),
        ("winogrande", 1.76, 2.49),
        ("piqa", 1.46, 2.07),
        ("boolq", 1.10, 1.55),
        ("openbookqa", 2.80, 3.96),
        ("truthfulqa_mc2", 2.19, 3.10),
        ("mmlu", 0.53, 0.75),
        ("ifeval", 2.69, 3.81),
    ],
)
def test_points_that_a_benchmark_can_show(benchmark: str, at_5: float, at_10: float) -> None:
    items = CORE10[benchmark]
    found = [100 * minimal_detectable_effect(sqrt(psi / items)) for psi in (0.05, 0.10)]
    assert [round(points, 2) for points in found] == [at_5, at_10]


def test_points_at_holms_first_step_are_a_third_more() -> None:
    ratio = minimal_detectable_effect(1, alpha=0.005) / minimal_detectable_effect(1)
    assert round(ratio, 2) == 1.30


@pytest.mark.parametrize(
    ("psi", "ten", "shows", "eight"),
    [(0.05, 0.20, 0.57, 0.22), (0.10, 0.29, 0.80, 0.31), (0.15, 0.35, 0.98, 0.38)],
)
def test_points_that_an_average_can_show(
    psi: float, ten: float, shows: float, eight: float
) -> None:
    def error(benchmarks: list[str]) -> float:
        variance = sum(psi / CORE10[name] for name in benchmarks)
        return 100 * sqrt(variance) / len(benchmarks)

    all_ten = list(CORE10)
    assert round(error(all_ten), 2) == ten
    assert round(minimal_detectable_effect(error(all_ten)), 2) == shows
    assert round(error([name for name in all_ten if name not in ("mmlu", "ifeval")]), 2) == eight


def test_as_many_items_as_said_show_the_drop_in_80_of_100_samples() -> None:
    psi, drop = 0.1, 0.02
    n = sample_size(psi, drop)
    random = np.random.default_rng(5)
    chances = [(psi + drop) / 2, (psi - drop) / 2, 1 - psi]
    counts = random.multinomial(n, chances, size=4000)
    found = np.mean([mcnemar(lost, gained).mid <= 0.05 for lost, gained, _ in counts])
    assert found == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize(
    ("psi", "delta"), [(0.0, 0.0), (0.1, 0.0), (0.1, 0.2), (1.1, 0.1), (nan, 0.1), (0.1, nan)]
)
def test_no_such_discordance(psi: float, delta: float) -> None:
    with pytest.raises(ValueError, match=r"need 0 < \|delta\| <= psi <= 1"):
        sample_size(psi, delta)


@pytest.mark.parametrize(("accuracy", "delta"), [(0.0, 0.1), (1.0, 0.1), (60.0, 0.1), (0.6, 0.0)])
def test_no_such_accuracy(accuracy: float, delta: float) -> None:
    with pytest.raises(ValueError, match=r"need an accuracy in \(0, 1\)"):
        unpaired_sample_size(accuracy, delta)


@pytest.mark.parametrize(("psi", "margin"), [(0.0, 0.1), (2.0, 0.1), (0.1, 0.0), (0.1, nan)])
def test_no_such_margin(psi: float, margin: float) -> None:
    with pytest.raises(ValueError, match="a margin above 0"):
        equivalence_sample_size(psi, margin)


@pytest.mark.parametrize("stderr", [-0.1, nan])
def test_no_such_error(stderr: float) -> None:
    with pytest.raises(ValueError, match="standard error cannot be"):
        minimal_detectable_effect(stderr)


@pytest.mark.parametrize(("alpha", "power"), [(0.0, 0.8), (2.0, 0.8), (0.05, 0.0), (0.05, 1.0)])
def test_no_such_level_or_power(alpha: float, power: float) -> None:
    with pytest.raises(ValueError, match=r"level and power must lie in \(0, 1\)"):
        minimal_detectable_effect(0.01, alpha, power)
