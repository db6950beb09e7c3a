"""What each run learned beside what it forgot: the task, the answers, the distance, the price."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from forget.verdict.averages import CHECKPOINT
from forget.verdict.frontier import frontier

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["LEARNED", "learned_frame"]

LEARNED: Final = (
    "run",
    "checkpoint",
    "base_score",
    "score",
    "delta",
    "low",
    "high",
    "base_truncation_rate",
    "truncation_rate",
    "base_response_tokens",
    "response_tokens",
    "base_distinct_2",
    "distinct_2",
    "base_calibration_error",
    "calibration_error",
    "kl_to_base",
    "unchanged_weights",
    "relative_change",
    "forgetting_per_point",
    "forgetting_per_point_low",
    "forgetting_per_point_high",
)
"""Columns: those of the trained task, the mean calibration error of the benchmarks, and the price.

`forgetting_per_point` is missing where no gain is established.
"""

_CALIBRATION = ["base_calibration_error", "calibration_error"]


def learned_frame(results: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Return a row for each checkpoint that is judged and was scored on its task.

    Args:
        results: The frame of results.
        level: Confidence of the interval of forgetting per point gained.
    """
    tasks = results[results["last"] & (results["kind"] == "task")].drop(columns=_CALIBRATION)
    benchmarks = results[results["last"] & (results["kind"] == "benchmark")]
    calibration = benchmarks.groupby(CHECKPOINT)[_CALIBRATION].mean().reset_index()
    paid = frontier(results, level)
    prices = [name for name in LEARNED if name.startswith("forgetting_per_point")]
    merged = tasks.merge(calibration, on=CHECKPOINT, how="left")
    merged = merged.merge(paid[[*CHECKPOINT, *prices]], on=CHECKPOINT, how="left")
    return merged[list(LEARNED)]
