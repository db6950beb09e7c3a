from __future__ import annotations

from math import sqrt
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.errors import DataError
from forget.evaluation.record import SweepRecord
from forget.verdict.findings import collect


def test_deltas_and_errors_are_those_worked_out_by_hand(full: SweepRecord, tmp_path: Path) -> None:
    first, second = collect(full, tmp_path).checkpoints
    a, b = first.benchmarks
    assert (first.name, first.step, first.missing) == ("step-000100", 100, ())
    assert (a.benchmark, a.metric, a.score, a.base_score) == ("a", "acc", 0.25, 0.5)
    # a: d = -1, -1, 0 x 6: variance (2 - 8 / 16) / 7; b: d = 0, 1, 0, 0: (1 - 4 / 16) / 3
    error_a, error_b = sqrt(1.5 / 7 / 8), sqrt(0.75 / 3 / 4)
    assert a.change[:5] == pytest.approx((-0.25, error_a, 8, 2, 0))
    assert b.change[:5] == pytest.approx((0.25, error_b, 4, 0, 1))
    assert first.average is not None
    assert first.average[:2] == pytest.approx((0.0, sqrt(error_a**2 + error_b**2) / 2))
    assert first.worst == a
    assert first.task is not None
    assert first.task.change[:3] == pytest.approx((0.75, sqrt(0.75 / 3 / 4), 4))
    assert first.task.details["truncation_rate"] == 0.25
    assert first.task.base_details["truncation_rate"] == 0.5
    assert [finding.change[:2] for finding in second.benchmarks] == [(0.0, 0.0), (0.0, 0.0)]


def test_items_pair_by_document_not_by_row(bench: Any, tmp_path: Path) -> None:
    from forget.evaluation.items import read_items, write_items
    from forget.store.manifest import seal

    bench.model("base", {"a": {"x": 1.0, "y": 0.0, "z": 0.0}})
    bench.model("c", {"a": {"x": 1.0, "y": 1.0, "z": 0.0}})
    folder = tmp_path / "evaluations/c/a/cpu"
    write_items(folder / "items.parquet", read_items(folder / "items.parquet")[::-1])
    seal(folder, "evaluation", {})
    [checkpoint] = collect(bench.record(["a"]), tmp_path).checkpoints
    change = checkpoint.benchmarks[0].change
    assert change[:3] == pytest.approx((1 / 3, sqrt((2 / 3) / 2 / 3), 3))


def test_a_missing_benchmark_is_shown_as_missing(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0], "b": [1, 0]})
    bench.model("c", {"a": [0, 0], "b": None})
    [checkpoint] = collect(bench.record(["a", "b"]), tmp_path).checkpoints
    assert [finding.benchmark for finding in checkpoint.benchmarks] == ["a"]
    assert checkpoint.missing == ("b",)
    assert checkpoint.average is None
    assert checkpoint.task is None
    assert checkpoint.worst == checkpoint.benchmarks[0]


def test_a_benchmark_that_the_record_does_not_place_is_missing(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    bench.model("c", {"a": [0, 0]})
    [checkpoint] = collect(bench.record(["a", "b"]), tmp_path).checkpoints
    assert checkpoint.missing == ("b",)


def test_an_evaluation_that_was_cut_short_is_missing(full: SweepRecord, tmp_path: Path) -> None:
    (tmp_path / "evaluations/step-000100/b/cpu/items.parquet").write_bytes(b"PAR1")
    first, second = collect(full, tmp_path).checkpoints
    assert first.missing == ("b",)
    assert second.missing == ()


def test_nothing_evaluated_at_all(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": None})
    bench.model("c", {"a": None})
    [checkpoint] = collect(bench.record(["a"]), tmp_path).checkpoints
    assert (checkpoint.missing, checkpoint.worst, checkpoint.average) == (("a",), None, None)


def test_a_base_that_is_not_evaluated(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": None})
    bench.model("c", {"a": [0, 0]})
    with pytest.raises(DataError, match=r"base model has not been evaluated on a, so c cannot"):
        collect(bench.record(["a"]), tmp_path)


@pytest.mark.parametrize(
    ("other", "differing"),
    [({"x": 1.0}, 1), ({"x": 1.0, "z": 0.0}, 2), ({"x": 1.0, "y": 0.0, "z": 0.0}, 1)],
)
def test_different_items_are_not_paired(
    bench: Any, tmp_path: Path, other: dict[str, float], differing: int
) -> None:
    bench.model("base", {"a": {"x": 1.0, "y": 0.0}})
    bench.model("c", {"a": other})
    with pytest.raises(DataError) as caught:
        collect(bench.record(["a"]), tmp_path)
    assert f"c were asked different items of a ({differing} are in one only)" in str(caught.value)
    assert "--limit" in str(caught.value)


def test_one_item_has_no_error(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1]})
    bench.model("c", {"a": [0]})
    [checkpoint] = collect(bench.record(["a"]), tmp_path).checkpoints
    [finding] = checkpoint.benchmarks
    assert finding.change[:3] == (-1.0, None, 1)
    assert finding.judgement.verdict == "inconclusive"
    assert finding.judgement.reason == "Single item: there is no spread to judge by."
    assert checkpoint.average == (-1.0, None, None)
    assert checkpoint.judgement is not None
    assert checkpoint.judgement.verdict == "inconclusive"


def test_a_run_without_checkpoints_yet(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    assert collect(bench.record(["a"]), tmp_path).checkpoints == ()


def test_findings_are_frozen(full: SweepRecord, tmp_path: Path) -> None:
    found = collect(full, tmp_path)
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        found.checkpoints = ()  # type: ignore[misc]
