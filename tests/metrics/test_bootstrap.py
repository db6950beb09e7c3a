from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from math import inf, nan, sqrt

import numpy as np
import pytest
from scipy import stats

from forget.metrics import bootstrap
from forget.metrics.bootstrap import average_resampled, bca_interval, resample
from forget.metrics.paired import clustered_error
from simulations import pair_of


@pytest.fixture
def many_draws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(bootstrap, "DRAWS", 40_000)
    bootstrap._weights.cache_clear()
    yield
    bootstrap._weights.cache_clear()


def scipys(
    samples: tuple[np.ndarray, ...], statistic: Callable[..., np.ndarray], level: float
) -> tuple[float, float]:
    return stats.bootstrap(
        samples, statistic, n_resamples=40_000, confidence_level=level, method="BCa",
        vectorized=True, rng=np.random.default_rng(0), batch=2000,
    ).confidence_interval  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("many_draws")
@pytest.mark.parametrize("level", [0.8, 0.95])
def test_against_scipy(level: float) -> None:
    scores = np.random.default_rng(1).exponential(1, 400)
    rights = pair_of(60, 25, 400).d
    for d in (scores, rights):
        found, expected = bca_interval(resample(d, stream=90), level), scipys((d,), np.mean, level)
        assert found is not None
        step = 1 / 400 if d is rights else 0.0
        width = expected[1] - expected[0]
        assert found == pytest.approx(tuple(expected), abs=1.001 * step + 0.03 * width)


@pytest.mark.usefixtures("many_draws")
def test_an_average_against_scipys_independent_samples() -> None:
    parts = pair_of(60, 25, 400).d, pair_of(10, 25, 200).d

    def average(x: np.ndarray, y: np.ndarray, axis: int = -1) -> np.ndarray:
        return (x.mean(axis=axis) + y.mean(axis=axis)) / 2

    found = bca_interval(average_resampled([resample(d, stream=i) for i, d in enumerate(parts)]))
    expected = scipys(parts, average, 0.95)
    assert found is not None
    assert found == pytest.approx(tuple(expected), abs=0.03 * (expected[1] - expected[0]))


def test_clusters_are_drawn_whole() -> None:
    clusters = np.repeat(np.arange(40), 5)
    d = np.random.default_rng(2).normal(size=40)[clusters]
    found = resample(d, clusters)
    assert found.draws.std() == pytest.approx(d.std() / sqrt(40), rel=0.1)
    assert resample(d).draws.std() == pytest.approx(d.std() / sqrt(200), rel=0.1)


def test_few_clusters_are_widened_to_their_standard_error() -> None:
    clusters = np.repeat(np.arange(10), 5)
    d = (
        np.random.default_rng(3).normal(size=50)
        + np.random.default_rng(4).normal(size=10)[clusters]
    )
    found, error = resample(d, clusters), clustered_error(d, clusters)
    assert error is not None
    assert found.widening == pytest.approx(sqrt(10 / 9))
    assert found.degrees == pytest.approx(9)
    assert sqrt(found.square) * found.widening == pytest.approx(error.spread)


def test_an_average_of_one_is_itself() -> None:
    part = resample(pair_of(20, 9, 100).d)
    average = average_resampled([part])
    assert bca_interval(average) == pytest.approx(bca_interval(part))
    assert average.degrees == pytest.approx(99)


def test_an_averages_error_is_made_of_its_parts() -> None:
    parts = [resample(pair_of(20, 9, n).d, stream=n) for n in (100, 200, 300)]
    found = average_resampled(parts)
    assert found.square * found.widening**2 == pytest.approx(
        sum(part.square * part.widening**2 for part in parts) / 9
    )
    assert found.draws.std() == pytest.approx(sqrt(found.square), rel=0.1)


def test_the_same_call_draws_the_same() -> None:
    d = pair_of(20, 9, 100).d
    assert bca_interval(resample(d)) == bca_interval(resample(d))
    assert (resample(d, stream=1).draws != resample(d, stream=2).draws).any()


def test_turning_the_models_round_turns_the_interval() -> None:
    d = np.random.default_rng(5).exponential(1, 300)
    there, back = bca_interval(resample(d)), bca_interval(resample(-d))
    assert there is not None
    assert back is not None
    assert there == pytest.approx((-back.high, -back.low), abs=0.01)


def test_higher_confidence_is_wider() -> None:
    found = resample(pair_of(20, 9, 100).d)
    intervals = [bca_interval(found, level) for level in (0.5, 0.8, 0.9, 0.95, 0.99)]
    lows, highs = zip(*[interval for interval in intervals if interval], strict=True)
    assert list(lows) == sorted(lows, reverse=True)
    assert list(highs) == sorted(highs)


@pytest.mark.parametrize("d", [[0.0], [1.0], [0.0] * 50, [-1.0] * 50, [0.1] * 33])
def test_nothing_to_resample(d: list[float]) -> None:
    found = resample(np.array(d))
    assert bca_interval(found) is None
    assert bca_interval(average_resampled([found, found])) is None
    assert average_resampled([found]).degrees == inf


def test_a_single_cluster_has_nothing_to_resample() -> None:
    assert bca_interval(resample(np.array([1.0, 0.0]), np.array([0, 0]))) is None


@pytest.mark.parametrize("d", [[], [nan, 1.0], [[1.0, 0.0]]])
def test_not_a_row_of_numbers(d: list[float]) -> None:
    with pytest.raises(ValueError, match="need one row of finite differences"):
        resample(np.array(d))


def test_clusters_that_do_not_fit() -> None:
    with pytest.raises(ValueError, match="need the cluster of each of 2 items"):
        resample(np.array([1.0, 0.0]), np.array([0, 0, 1]))


def test_no_part_and_no_such_level() -> None:
    with pytest.raises(ValueError, match="no benchmark to average"):
        average_resampled([])
    with pytest.raises(ValueError, match=r"level must lie in \(0, 1\)"):
        bca_interval(resample(np.array([1.0, 0.0])), 1.0)


@pytest.mark.slow
def test_a_large_benchmark_takes_little_memory() -> None:
    d = np.random.default_rng(6).normal(size=14_042)
    tracemalloc.start()
    try:
        resample(d, stream=91)
        assert tracemalloc.get_traced_memory()[1] < 80e6
    finally:
        tracemalloc.stop()
