"""Two evaluations of the same weights: nothing is ever called forgetting."""

from __future__ import annotations

import numpy as np
import pytest

from forget.metrics import macro_average, paired_difference
from forget.metrics.bootstrap import average_resampled, bca_interval, resample
from forget.metrics.flips import flips
from forget.metrics.multiplicity import benjamini_hochberg, holm, max_statistic_p
from forget.metrics.paired import cluster_sums
from forget.metrics.seeds import pool_seeds
from forget.metrics.significance import flip_null, mcnemar
from forget.metrics.trajectory import covariance, simultaneous_factor


@pytest.mark.parametrize("kind", ["right or wrong", "scores"])
@pytest.mark.parametrize("clustered", [False, True])
def test_100_samples_of_items(kind: str, clustered: bool) -> None:
    random = np.random.default_rng(6)
    items = random.random(300)
    scores = (items < 0.6).astype(float) if kind == "right or wrong" else items
    for _ in range(100):
        drawn = random.choice(scores, len(scores))
        groups = random.integers(0, 12, len(drawn)) if clustered else None
        found = paired_difference(drawn, drawn.copy(), groups)
        assert (found.delta, found.stderr) == (0, 0)
        assert found.estimate is not None
        assert found.estimate.p_two_sided() == 1
        low, high = found.estimate.interval()
        assert low <= 0 <= high
        assert low == -high


def test_ten_benchmarks() -> None:
    random = np.random.default_rng(7)
    drawn = [(random.random(n) < 0.6).astype(float) for n in (1, 2, 50, 500, *[100] * 6)]
    nothing = [0 * scores for scores in drawn]
    p = [mcnemar(0, 0).exact for _ in drawn]
    assert (holm(p) == 1).all()
    assert (benjamini_hochberg(p) == 1).all()
    assert max_statistic_p([flip_null(d) for d in nothing]) == [1.0] * 10
    average = macro_average([paired_difference(scores, scores) for scores in drawn[1:]])
    assert average.delta == 0
    assert average.estimate is not None
    assert average.estimate.p_two_sided() == 1
    assert bca_interval(average_resampled([resample(d) for d in nothing])) is None
    for scores in drawn:
        assert flips(0, 0, len(scores), scores.mean(), 0.25) == (0, 0)


def test_several_checkpoints_and_trainings() -> None:
    nothing, clusters = np.zeros((200, 5)), np.repeat(np.arange(20), 10)
    for spread in (covariance(nothing), covariance(*cluster_sums(nothing, clusters))):
        assert (spread == 0).all()
        assert simultaneous_factor(spread) == pytest.approx(1.959964)
    for groups in (None, clusters):
        estimate = pool_seeds(nothing.T, groups).estimate
        assert estimate.p_two_sided() == 1
        assert estimate.interval() == (0, 0)
