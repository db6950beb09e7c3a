"""What was paid for what was learned: forgetting per point gained, and who pays least."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan, nan, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from forget.metrics.estimate import Estimate, Interval
from forget.verdict.averages import CHECKPOINT, whole_averages

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

__all__ = ["frontier"]

_NAMES = ["run", "path", "study", "model", "dataset", "method", "variant", "seed", "checkpoint"]
_COMPARABLE = ["model", "dataset", "averaged"]
_CHANGE = ["delta", "stderr", "low", "high"]


def frontier(results: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Set what each checkpoint gained on its task beside what it lost on the benchmarks.

    Args:
        results: The frame of results.
        level: Confidence of the interval of the ratio.

    Returns:
        One row for each checkpoint of which both are known, of all benchmarks that were asked for,
        with its names, `step`, `last` and

        - `gain`, `gain_stderr`, `gain_low`, `gain_high`: change of task accuracy
        - `average`, `average_stderr`, `average_low`, `average_high`: mean delta of the benchmarks,
          whose names are `averaged`
        - `forgetting_per_point`: -average / gain, below 0 where nothing was lost, and
          `forgetting_per_point_low`, `..._high`; NaN where no gain is established: it is not above
          0, or its interval reaches down to 0
        - `best`: no checkpoint of the same base, dataset and benchmarks gained at least as much and
          lost no more, with one of the two better
    """
    averages = whole_averages(results)
    gains = _changes(results[results["kind"] == "task"], "gain")
    merged = gains.merge(_changes(averages, "average"), on=[*_NAMES, "step", "last"])
    merged = merged.merge(averages[[*CHECKPOINT, "averaged"]], on=CHECKPOINT)
    known = merged["gain"].notna() & merged["average"].notna()
    table: pd.DataFrame = merged.loc[known].reset_index(drop=True)
    ratios = [_per_point(row, level) for row in table.to_dict("records")]
    for name, values in zip(
        ("", "_low", "_high"), zip(*ratios, strict=True) if ratios else ([], [], []), strict=True
    ):
        table[f"forgetting_per_point{name}"] = np.array(values, float)
    table["best"] = False
    for _, same in table.groupby(_COMPARABLE, sort=False):
        best = _undominated(same[["gain", "average"]].to_numpy(float))
        table.loc[same.index, "best"] = best
    return table


def _changes(rows: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return what changed for each checkpoint in rows of one kind, under a name of its own."""
    columns = {column: f"{name}_{column}" for column in _CHANGE} | {"delta": name}
    kept: pd.DataFrame = rows[[*_NAMES, "step", "last", *_CHANGE]].rename(columns=columns)
    return kept.astype(dict.fromkeys(columns.values(), float))


def _per_point(row: Mapping[Any, float], level: float) -> tuple[float, float, float]:
    """Return the ratio with its interval, or NaN where there is nothing to divide by."""
    gain, average = row["gain"], row["average"]
    if not (gain > 0 and row["gain_low"] > 0):
        return nan, nan, nan
    lost = Estimate(-average, row["average_stderr"], np.inf)
    low, high = _ratio_interval(lost, Estimate(gain, row["gain_stderr"], np.inf), level)
    return -average / gain, low, high


def _ratio_interval(above: Estimate, below: Estimate, level: float) -> Interval:
    """Return the interval of a ratio of two independent estimates (Fieller 1954).

    It holds each ratio r that `above - r * below` does not contradict: the roots of a quadratic.
    NaN where one of the errors is not known, or `below` may be 0 so that it has no end.
    """
    z = below.quantile((1 + level) / 2)
    square = below.centre**2 - (z * below.spread) ** 2
    linear = above.centre * below.centre
    rest = above.centre**2 - (z * above.spread) ** 2
    if isnan(rest) or not square > 0:
        return Interval(nan, nan)
    root = sqrt(max(linear**2 - square * rest, 0.0))
    return Interval((linear - root) / square, (linear + root) / square)


def _undominated(values_NK: NDArray[np.float64]) -> list[bool]:
    """Say of each row whether no other is at least as high in all columns and higher in one."""
    return [
        not bool(((values_NK >= row_K).all(axis=1) & (values_NK > row_K).any(axis=1)).any())
        for row_K in values_NK
    ]
