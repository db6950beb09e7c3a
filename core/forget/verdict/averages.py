"""Averages that may be set beside each other: of all benchmarks that were asked for."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["CHECKPOINT", "whole_averages"]

CHECKPOINT = ["path", "checkpoint"]
"""Columns of the frame that name a checkpoint."""

_READ = [*CHECKPOINT, "benchmark", "verdict"]


def whole_averages(results: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of averages, without those of checkpoints that are not fully evaluated.

    The mean of the benchmarks that happen to be done is of other questions than that of all.

    Args:
        results: The frame of results.

    Returns:
        Rows of the frame with a column `averaged`: the names of the benchmarks, of which averages
        over different ones differ.
    """
    scored: dict[tuple[str, str], list[str]] = defaultdict(list)
    lacking = set()
    benchmarks = results[results["kind"] == "benchmark"]
    for path, checkpoint, name, verdict in benchmarks[_READ].itertuples(index=False):
        scored[path, checkpoint].append(name)
        if verdict == "missing":
            lacking.add((path, checkpoint))
    averages: pd.DataFrame = results[results["kind"] == "average"]
    found = list(averages[CHECKPOINT].itertuples(index=False, name=None))
    whole = averages.assign(averaged=[", ".join(sorted(scored[key])) for key in found])
    return whole.loc[[key not in lacking for key in found]]
