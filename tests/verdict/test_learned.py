"""What was learned beside what was forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.report.learned import HEADINGS, learned_as_plain, learned_cells
from forget.verdict.findings import collect
from forget.verdict.frame import Origin, results_frame
from forget.verdict.learned import LEARNED, learned_frame

ORIGIN = Origin(run="a run", path="p", seed=0, model="m", dataset="sums", method="gt-sft")
TASK = "task:sums"


def rows_of(bench: Any, root: Path, task: list[float], **details: Any) -> list[dict[str, Any]]:
    """Judge a run that lost 10 of 400 items of `a`, and answered its task so."""
    bench.model("base", {"a": [1.0] * 400, TASK: [0.0] * 100}, 0, **details)
    bench.model("step-000100", {"a": [0.0] * 10 + [1.0] * 390, TASK: task}, 100, **details)
    drift = {"kl_to_base": 0.0312, "unchanged_weights": 0.934}
    bench.lines["step-000100"] = attrs.evolve(bench.lines["step-000100"], drift=drift)
    record = bench.record(["a"], TASK)
    frame = learned_frame(results_frame([(ORIGIN, collect(record, root))]))
    assert tuple(frame.columns) == LEARNED
    return learned_as_plain(frame)


def test_what_a_gain_has_cost(bench: Any, tmp_path: Path) -> None:
    details = {"truncation_rate": 0.25, "response_tokens": 21.4, "distinct_2": 0.5}
    [row] = rows_of(
        bench,
        tmp_path,
        [1.0] * 50 + [0.0] * 50,
        task_sums=details,
        a={"calibration_error": 0.1234},
    )
    assert row["forgetting_per_point"] == pytest.approx(0.025 / 0.5)
    assert row["forgetting_per_point_low"] < 0.05 < row["forgetting_per_point_high"]
    cells = dict(zip(HEADINGS, learned_cells(row), strict=True))
    assert cells.pop("per point").startswith("0.050 [0.0")
    assert cells == {
        "task": "0.0 -> 50.0",
        "cut": "25.0 -> 25.0",
        "tokens": "21 -> 21",
        "distinct": "0.50 -> 0.50",
        "ECE": "0.123 -> 0.123",
        "KL": "0.031",
        "unchanged": "93",
    }


@pytest.mark.parametrize("task", [[0.0] * 100, [1.0] + [0.0] * 99])
def test_without_a_gain_there_is_no_price(bench: Any, tmp_path: Path, task: list[float]) -> None:
    [row] = rows_of(bench, tmp_path, task)
    assert row["forgetting_per_point"] is None
    assert learned_cells(row)[-1] == "-"


def test_what_an_earlier_version_did_not_keep_is_not_known(bench: Any, tmp_path: Path) -> None:
    [row] = rows_of(bench, tmp_path, [1.0] * 50 + [0.0] * 50)
    assert learned_cells(row)[1:5] == ["-"] * 4


def test_without_a_task_nothing_is_said(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1.0, 0.0]}, 0)
    bench.model("step-000100", {"a": [1.0, 0.0]}, 100)
    frame = results_frame([(ORIGIN, collect(bench.record(["a"]), tmp_path))])
    assert len(learned_frame(frame)) == 0
    assert len(learned_frame(results_frame([]))) == 0
