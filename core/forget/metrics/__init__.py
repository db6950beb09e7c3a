"""Forgetting and how sure one can be of it: pure functions over per-item scores, no I/O."""

from forget.metrics.estimate import Estimate, Interval
from forget.metrics.paired import Average, PairedDifference, macro_average, paired_difference

__all__ = [
    "Average",
    "Estimate",
    "Interval",
    "PairedDifference",
    "macro_average",
    "paired_difference",
]
