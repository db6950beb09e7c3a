"""Items side by side: checked, in one order, in clusters."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from forget.errors import DataError
from forget.evaluation.items import read_items, write_items
from forget.store.manifest import seal
from forget.verdict.findings import collect
from forget.verdict.pairing import clusters_of, load_scored


def rewrite(folder: Path, **changes: Any) -> None:
    """Change every item of an evaluation, as if it had been made so."""
    items = [attrs.evolve(item, **changes) for item in read_items(folder / "items.parquet")]
    write_items(folder / "items.parquet", items)
    seal(folder, "evaluation", {})


@pytest.mark.parametrize("score", [float("nan"), float("inf")])
def test_a_score_that_is_no_number(bench: Any, tmp_path: Path, score: float) -> None:
    bench.model("base", {"a": [1, 0, 1]})
    bench.model("c", {"a": [1, 0, 1]})
    rewrite(tmp_path / "evaluations/c/a/cpu", score=score)
    with pytest.raises(DataError) as caught:
        collect(bench.record(["a"]), tmp_path)
    said = str(caught.value)
    assert "has 3 item(s) whose score is not a finite number" in said
    assert "the first being document 0 of a" in said
    assert f"Delete the folder {tmp_path}/evaluations/c/a/cpu" in said


def test_an_evaluation_that_is_not_there(tmp_path: Path) -> None:
    assert load_scored(tmp_path / "nowhere") is None


def test_items_of_one_task_are_independent() -> None:
    assert clusters_of(["a"] * 100, []) is None


def test_the_tasks_of_an_exam_are_clusters() -> None:
    found = clusters_of([f"subject {row % 12}" for row in range(120)], [])
    assert found is not None
    assert np.bincount(found).tolist() == [10] * 12
    assert len({found[0], found[12], found[24]}) == 1


def test_a_handful_of_clusters_is_no_sample() -> None:
    assert clusters_of([f"subject {row % 9}" for row in range(120)], []) is None


def test_items_that_share_a_passage() -> None:
    found = clusters_of(["boolq"] * 30, [f"p{row // 2}" for row in range(30)])
    assert found is not None
    assert np.bincount(found).tolist() == [2] * 15


def test_items_without_a_passage_stand_alone() -> None:
    passages = [f"p{row // 2}" for row in range(28)] + ["", ""]
    found = clusters_of(["boolq"] * 30, passages)
    assert found is not None
    assert sorted(np.bincount(found).tolist()) == [1, 1] + [2] * 14


def test_passages_that_nobody_shares() -> None:
    assert clusters_of(["boolq"] * 30, [f"p{row}" for row in range(30)]) is None


def test_clusters_reach_the_verdict(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1.0, 0.0] * 30})
    bench.model("c", {"a": [0.0, 0.0] * 3 + [1.0, 0.0] * 27})
    items = read_items(tmp_path / "evaluations/base/a/cpu/items.parquet")
    write_items(
        tmp_path / "evaluations/base/a/cpu/items.parquet",
        [attrs.evolve(item, cluster=f"passage {row // 4}") for row, item in enumerate(items)],
    )
    seal(tmp_path / "evaluations/base/a/cpu", "evaluation", {})
    [checkpoint] = collect(bench.record(["a"]), tmp_path).checkpoints
    [finding] = checkpoint.benchmarks
    assert finding.change.clusters == 15
    assert finding.judgement.test == "sign flips of 15 clusters"
