"""Several seeds of one method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from forget.evaluation.record import SweepRecord
from forget.verdict.frame import Origin
from forget.verdict.pooled import POOLED, pooled_frame
from forget.verdict.records import FoundRecord
from forget.verdict.terms import Terms


def origin(seed: int, method: str = "gt-sft") -> Origin:
    return Origin(
        run=f"{method} {seed}", path="", study="s", model="m", dataset="d", method=method,
        variant=method, seed=seed,
    )  # fmt: skip


@pytest.fixture
def three_seeds(bench: Any) -> SweepRecord:
    """Make a base and three trainings, each of which loses about a tenth of the items."""
    random = np.random.default_rng(4)
    base = {name: (random.random(400) < 0.7).astype(float) for name in ("a", "b")}
    bench.model("base", {name: list(scores) for name, scores in base.items()}, 0)
    for seed in range(3):
        lost = {name: scores * (random.random(400) > 0.1) for name, scores in base.items()}
        bench.model(f"seed {seed}", {name: list(scores) for name, scores in lost.items()}, 100)
    return bench.record(["a", "b"])  # type: ignore[no-any-return]


def found(record: SweepRecord, root: Path) -> list[FoundRecord]:
    """Return each of a record's checkpoints as the sweep of a run of its own."""
    lines = record.checkpoints
    return [FoundRecord(attrs.evolve(record, checkpoints=(x,)), root, root) for x in lines]


def test_a_row_for_each_benchmark_and_the_average(three_seeds: SweepRecord, tmp_path: Path) -> None:
    sweeps = found(three_seeds, tmp_path)
    frame = pooled_frame(sweeps, [origin(seed) for seed in range(3)], Terms())
    assert list(frame.columns) == list(POOLED)
    assert list(frame.benchmark) == ["a", "b", "average"]
    assert set(frame.seeds) == {3}
    assert set(frame.step) == {100}
    assert frame.verdict.tolist() == ["forgot"] * 3
    average = frame.iloc[2]
    assert average.delta == pytest.approx(frame.delta[:2].mean())
    assert average.low < average.delta < average.high < 0


def test_more_seeds_than_one_are_needed(three_seeds: SweepRecord, tmp_path: Path) -> None:
    sweeps = found(three_seeds, tmp_path)
    different = [origin(0), origin(0, "grpo"), origin(0, "pi")]
    assert len(pooled_frame(sweeps, different, Terms())) == 0


def test_only_a_common_step_is_pooled(three_seeds: SweepRecord, tmp_path: Path) -> None:
    sweeps = found(three_seeds, tmp_path)
    [later] = sweeps[2].record.checkpoints
    record = attrs.evolve(sweeps[2].record, checkpoints=(attrs.evolve(later, step=200),))
    sweeps[2] = sweeps[2]._replace(record=record)
    assert len(pooled_frame(sweeps, [origin(seed) for seed in range(3)], Terms())) == 0


def test_a_benchmark_that_one_seed_lacks_is_left_out(
    three_seeds: SweepRecord, tmp_path: Path
) -> None:
    sweeps = found(three_seeds, tmp_path)
    [line] = sweeps[1].record.checkpoints
    partial = attrs.evolve(line, evaluations={"a": line.evaluations["a"]})
    sweeps[1] = sweeps[1]._replace(record=attrs.evolve(sweeps[1].record, checkpoints=(partial,)))
    frame = pooled_frame(sweeps, [origin(seed) for seed in range(3)], Terms())
    assert list(frame.benchmark) == ["a"]
