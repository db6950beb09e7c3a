"""Several seeds of one method."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import numpy as np
import pytest

from forget.evaluation.record import SweepRecord
from forget.verdict.findings import collect
from forget.verdict.frame import Origin
from forget.verdict.pooled import POOLED, pooled_frame
from forget.verdict.records import FoundRecord
from forget.verdict.terms import Terms
from made_evaluations import Bench


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


def test_runs_of_one_seed_are_one_training(three_seeds: SweepRecord, tmp_path: Path) -> None:
    sweeps = found(three_seeds, tmp_path)
    assert len(pooled_frame(sweeps, [origin(0)] * 3, Terms())) == 0
    twice = pooled_frame(sweeps, [origin(0), origin(0), origin(1)], Terms())
    alone = pooled_frame([sweeps[0], sweeps[2]], [origin(0), origin(1)], Terms())
    assert twice.equals(alone)


def test_runs_of_other_bases_are_not_pooled(three_seeds: SweepRecord, tmp_path: Path) -> None:
    sweeps = found(three_seeds, tmp_path)[:2]
    base = attrs.evolve(three_seeds.base, digest="another")
    sweeps[1] = sweeps[1]._replace(record=attrs.evolve(sweeps[1].record, base=base))
    assert len(pooled_frame(sweeps, [origin(0), origin(1)], Terms())) == 0


def test_a_training_that_is_not_evaluated_yet_does_not_count(
    three_seeds: SweepRecord, tmp_path: Path
) -> None:
    sweeps = found(three_seeds, tmp_path)
    [line] = sweeps[1].record.checkpoints
    planned = attrs.evolve(line, evaluations={"a": "evaluations/to-come", "b": "also/to-come"})
    sweeps[1] = sweeps[1]._replace(record=attrs.evolve(sweeps[1].record, checkpoints=(planned,)))
    frame = pooled_frame(sweeps, [origin(seed) for seed in range(3)], Terms())
    assert set(frame.seeds) == {2}
    assert list(frame.benchmark) == ["a", "b", "average"]


def seeds_of(
    root: Path, *trainings: tuple[dict[str, Any], dict[str, Any]]
) -> tuple[list[FoundRecord], list[Origin]]:
    """Make a run of each base and checkpoint in an output folder of its own."""
    sweeps = []
    for number, (base, checkpoint) in enumerate(trainings):
        bench = Bench(root / str(number))
        bench.model("base", base, 0)
        bench.model("step-000010", checkpoint, 10)
        sweeps.append(FoundRecord(bench.record(list(base)), bench.root, bench.root))
    return sweeps, [origin(seed) for seed in range(len(trainings))]


def test_each_training_is_compared_with_its_own_base(tmp_path: Path) -> None:
    one = {"a": [1, 0, 1]}, {"a": [0, 0, 1]}
    # Another engine: the base has one item less right.
    other = {"a": [1, 0, 0]}, {"a": [0, 0, 0]}
    frame = pooled_frame(*seeds_of(tmp_path, one, other), Terms())
    assert frame.delta.tolist() == pytest.approx([-1 / 3, -1 / 3])


def test_a_benchmark_of_other_items_is_left_out(tmp_path: Path) -> None:
    whole = {"a": [1, 0, 1, 1], "b": [1, 0, 1]}, {"a": [0, 0, 1, 1], "b": [1, 1, 1]}
    limited = {"a": [1, 0], "b": [1, 0, 1]}, {"a": [1, 0], "b": [1, 0, 1]}
    frame = pooled_frame(*seeds_of(tmp_path, whole, limited), Terms())
    assert list(frame.benchmark) == ["b"]


@pytest.mark.parametrize(("after", "verdict"), [([1] * 20, "inconclusive"), ([0] * 20, "forgot")])
def test_what_never_varied_is_no_surer_than_one_training(
    tmp_path: Path, after: list[int], verdict: str
) -> None:
    trainings = [({"a": [1] * 20}, {"a": after})] * 3
    sweeps, origins = seeds_of(tmp_path, *trainings)
    frame = pooled_frame(sweeps, origins, Terms())
    assert frame.verdict.tolist() == [verdict] * 2
    [checkpoint] = collect(sweeps[0].record, tmp_path / "0").checkpoints
    alone = checkpoint.benchmarks[0].judgement.interval
    assert alone is not None
    assert (frame.low[0], frame.high[0]) == alone
    # The average is as unsure, though it is not shrunk towards 0.
    assert frame.stderr[1] == frame.stderr[0]
