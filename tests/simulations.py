"""Trials of known truth: how often an interval holds it, and how often a test sees what is not."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf, sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from forget.metrics import macro_average, paired_difference
from forget.metrics.bootstrap import bca_interval, resample
from forget.metrics.estimate import Estimate
from forget.metrics.multiplicity import holm
from forget.metrics.paired import cluster_sums
from forget.metrics.seeds import average_pooled, pool_seeds
from forget.metrics.significance import mcnemar, sign_flip_p
from forget.metrics.trajectory import covariance, simultaneous_factor

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CORE10 = {
    "arc_challenge": 1172, "arc_easy": 2376, "hellaswag": 10042, "winogrande": 1267, "piqa": 1838,
    "boolq": 3270, "openbookqa": 500, "truthfulqa_mc2": 817, "mmlu": 14042, "ifeval": 541,
}  # fmt: skip
"""Items of each benchmark."""

MMLU = np.array([
    100, 135, 152, 100, 265, 144, 100, 100, 100, 173, 102, 100, 235, 114, 145, 378, 126, 100, 310,
    203, 100, 165, 198, 193, 390, 270, 238, 151, 545, 216, 204, 237, 223, 131, 121, 108, 163, 112,
    103, 234, 100, 783, 346, 895, 306, 311, 324, 282, 1534, 272, 612, 110, 245, 201, 100, 166, 171,
])  # fmt: skip
"""Items of each of its 57 subjects."""


class Pair(NamedTuple):
    """Two models' scores of the same items."""

    base: Floats
    other: Floats
    clusters: Ints | None = None

    @property
    def d(self) -> Floats:
        return self.other - self.base


def margin_of_error(trials: int) -> float:
    """Return three standard errors of a coverage of 95 % that was found in so many trials."""
    return 3 * sqrt(0.95 * 0.05 / trials)


def pair_of(lost: int, gained: int, items: int) -> Pair:
    """Return right-or-wrong scores with so many flips; what did not change was wrong."""
    base, other = np.zeros(items), np.zeros(items)
    base[:lost] = 1
    other[items - gained :] = 1
    return Pair(base, other)


def flips(
    random: np.random.Generator, trials: int, sizes: Ints, psi: float, delta: float, icc: float
) -> Iterator[Pair]:
    """Yield right-or-wrong scores whose differences correlate so much within clusters.

    The chances to be lost and gained differ from cluster to cluster as a Dirichlet distribution
    does with concentration (1 - icc) / icc: then each pair of differences has this correlation.
    """
    chances = np.array([(psi - delta) / 2, (psi + delta) / 2, 1 - psi])
    drawn = np.broadcast_to(chances, (trials, len(sizes), 3))
    if icc:
        parts = random.standard_gamma(chances * (1 - icc) / icc, drawn.shape)
        drawn = parts / parts.sum(axis=-1, keepdims=True)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    for counts in random.multinomial(np.broadcast_to(sizes, drawn.shape[:2]), drawn):
        d = np.repeat(np.tile([-1.0, 1.0, 0.0], len(sizes)), counts.ravel())
        yield Pair((d < 0).astype(float), (d > 0).astype(float), clusters)


def _holds(estimate: Estimate | None, truth: float) -> bool:
    assert estimate is not None
    low, high = estimate.interval(0.95)
    return low <= truth <= high


def coverage_of_flips_exactly(items: int, psi: float, delta: float) -> float:
    """Add up the probabilities of all outcomes whose interval holds the truth."""
    total = 0.0
    for changed in range(items + 1):
        share = stats.binom.pmf(changed, items, psi)
        if share < 1e-9:
            continue
        gained = np.arange(changed + 1)
        shares = share * stats.binom.pmf(gained, changed, (1 + delta / psi) / 2)
        for count, weight in zip(gained, shares, strict=True):
            if weight > 1e-9:
                pair = pair_of(changed - count, count, items)
                total += weight * _holds(paired_difference(pair.base, pair.other).estimate, delta)
    return float(total)


def coverage_of_flips(
    trials: int, sizes: Ints, psi: float, delta: float = 0.0, icc: float = 0.0
) -> float:
    """Return the coverage where items come in clusters; one cluster means that they do not."""
    random = np.random.default_rng(11)
    held = 0
    for base, other, clusters in flips(random, trials, sizes, psi, delta, icc):
        found = paired_difference(base, other, clusters if len(sizes) > 1 else None)
        held += _holds(found.estimate, delta)
    return held / trials


def coverage_of_scores(trials: int, sizes: Ints, icc: float = 0.0, skew: bool = True) -> float:
    """Return the same for scores between right and wrong, of which few change much."""
    random = np.random.default_rng(12)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    held = 0
    for _ in range(trials):
        own = random.exponential(1, len(clusters)) - 1 if skew else random.laplace(size=sizes.sum())
        shared = random.normal(0, sqrt(icc / (1 - icc)) * own.std(), len(sizes))[clusters]
        d = 0.05 * (own + shared) - 0.01
        found = paired_difference(0 * d, d, clusters if len(sizes) > 1 else None)
        held += _holds(found.estimate, -0.01)
    return held / trials


def coverage_of_average(trials: int, psi: float, delta: float, items: Ints) -> float:
    """Return the coverage of the macro-average over benchmarks with so many items."""
    random = np.random.default_rng(13)
    chances = [(psi - delta) / 2, (psi + delta) / 2, 1 - psi]
    held = 0
    for counts in random.multinomial(np.broadcast_to(items, (trials, len(items))), chances):
        pairs = [pair_of(*row[:2], items=row.sum()) for row in counts]
        found = macro_average([paired_difference(pair.base, pair.other) for pair in pairs])
        held += _holds(found.estimate, delta)
    return held / trials


def coverage_of_bca(
    trials: int, sizes: Ints, psi: float, delta: float = 0.0, icc: float = 0.0
) -> float:
    """Return the coverage of the bootstrap; where nothing changed it is the point 0."""
    random = np.random.default_rng(14)
    held = 0
    for pair in flips(random, trials, sizes, psi, delta, icc):
        found = bca_interval(resample(pair.d, pair.clusters if len(sizes) > 1 else None))
        low, high = found or (0.0, 0.0)
        held += low <= delta <= high
    return held / trials


def trajectory(
    random: np.random.Generator, sizes: Ints, checkpoints: int, psi: float, stay: float
) -> tuple[Floats, Ints]:
    """Return differences, shape (items, checkpoints), of which each stays as it was so often."""
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    shape = (len(clusters), checkpoints)
    fresh = random.choice([-1.0, 1.0, 0.0], p=[psi / 2, psi / 2, 1 - psi], size=shape)
    stays = random.random(shape) < stay
    for step in range(1, checkpoints):
        fresh[stays[:, step], step] = fresh[stays[:, step], step - 1]
    return fresh, clusters


def coverage_of_band(trials: int, sizes: Ints, checkpoints: int, psi: float, stay: float) -> float:
    """Return how often the band holds the truth, 0, at all checkpoints at once."""
    random = np.random.default_rng(15)
    held = 0
    for _ in range(trials):
        d, clusters = trajectory(random, sizes, checkpoints, psi, stay)
        grouped = clusters if len(sizes) > 1 else None
        found = [paired_difference(c < 0, c > 0, grouped).estimate for c in d.T]
        estimates = [estimate for estimate in found if estimate is not None]
        units = d if grouped is None else cluster_sums(d, clusters)
        spread = covariance(units) if grouped is None else covariance(*units)
        degrees = min((estimate.degrees for estimate in estimates), default=inf)
        factor = simultaneous_factor(spread, 0.95, degrees)
        bands = [estimate.within(factor) for estimate in estimates]
        held += all(low <= 0 <= high for low, high in bands)
    return held / trials


class Seeds(NamedTuple):
    """How differences of several trainings come about: standard deviations of their parts."""

    seeds: int
    training: float
    item: float = 0.2
    both: float = 0.2
    cluster: float = 0.05


def coverage_of_seeds(trials: int, how: Seeds, sizes: Ints) -> float:
    """Return the coverage of what is pooled over trainings."""
    random = np.random.default_rng(16)
    clusters = np.repeat(np.arange(len(sizes)), sizes)
    grouped, shape, held = len(sizes) > 1, (how.seeds, len(clusters)), 0
    for _ in range(trials):
        d = -0.02 + random.normal(0, 1, (how.seeds, 1)) * how.training
        d = d + random.normal(0, how.item, shape[1]) + random.normal(0, how.both, shape)
        if grouped:
            d = d + random.normal(0, how.cluster, len(sizes))[clusters]
        held += _holds(pool_seeds(d, clusters if grouped else None).estimate, -0.02)
    return held / trials


def coverage_of_average_over_seeds(trials: int, how: Seeds, benchmarks: int, items: int) -> float:
    """Return the coverage of the macro-average of several trainings."""
    random = np.random.default_rng(17)
    held = 0
    for _ in range(trials):
        shape = (how.seeds, benchmarks)
        d = random.normal(0, how.training, shape) + random.normal(0, how.both, shape) / sqrt(items)
        d = d + random.normal(0, how.item, benchmarks) / sqrt(items)
        variance = (how.item**2 + how.both**2 / how.seeds) / items / benchmarks
        held += _holds(average_pooled(d.mean(axis=1), variance), 0.0)
    return held / trials


def false_alarms(trials: int, psi: float) -> float:
    """Return how often Holm over ten benchmarks calls anything at all, where nothing is true."""
    random = np.random.default_rng(18)
    chances, items = [psi / 2, psi / 2, 1 - psi], list(CORE10.values())
    counts = random.multinomial(np.broadcast_to(items, (trials, len(items))), chances)
    calls = [holm([mcnemar(*row[:2]).exact for row in counts_]).min() for counts_ in counts]
    return float(np.mean(np.array(calls) <= 0.05))


def false_alarms_of_sign_flips(trials: int, psi: float, icc: float) -> float:
    """Return the same for benchmarks whose items come in clusters: subjects of MMLU, and tens."""
    random = np.random.default_rng(19)
    kinds = [MMLU // 10, np.full(30, 20), *[np.full(10, 50)] * 8]
    drawn = [flips(random, trials, sizes, psi, 0.0, icc) for sizes in kinds]
    calls = 0
    for pairs in zip(*drawn, strict=True):
        sums = [cluster_sums(pair.d, np.asarray(pair.clusters))[0] for pair in pairs]
        calls += bool(holm([sign_flip_p(units) for units in sums]).min() <= 0.05)
    return calls / trials
