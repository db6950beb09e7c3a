"""What one checkpoint's answers to one exam say, taken by themselves."""

from __future__ import annotations

import zlib
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.metrics.bootstrap import Resampled, resample
from forget.metrics.paired import PairedDifference, cluster_sums, differences, paired_difference
from forget.metrics.significance import Null, flip_null, mcnemar

__all__ = ["Evidence", "weigh"]


class Evidence(NamedTuple):
    """What one checkpoint's answers to one exam say.

    Attributes:
        change: Paired difference to the base.
        units: Differences of the items, or their sums over clusters: what is independent.
        sizes: The number of items in each cluster; None where items are independent.
        null: What chance makes of `units`.
        resampled: Their bootstrap.
        test: The test that decides, for people.
        p: Its p-value.
        p_mid: Mid-p of McNemar; None for scores that are not right or wrong, or clustered.
    """

    change: PairedDifference
    units: NDArray[np.float64]
    sizes: NDArray[np.float64] | None
    null: Null
    resampled: Resampled
    test: str
    p: float
    p_mid: float | None


def weigh(
    base: NDArray[np.float64],
    other: NDArray[np.float64],
    clusters: NDArray[np.intp] | None,
    exam: str,
) -> Evidence:
    """Compare two models on the same items.

    Args:
        base: The base model's scores, shape (items,).
        other: The other model's, in the same order.
        clusters: The cluster of each item; None if they are independent.
        exam: The exam's name: each has random numbers of its own.
    """
    change = paired_difference(base, other, clusters)
    d = differences(base, other)
    units, sizes = (d, None) if clusters is None else cluster_sums(d, clusters)
    null = flip_null(units)
    p, p_mid, test = null.p(null.observed), None, "sign flips"
    if clusters is not None:
        test = f"sign flips of {change.clusters} clusters"
    elif change.lost is not None and change.gained is not None:
        p, p_mid = mcnemar(change.lost, change.gained)
        test = "exact McNemar"
    resampled = resample(d, clusters, zlib.crc32(exam.encode()))
    return Evidence(change, units, sizes, null, resampled, test, p, p_mid)
