"""Replay: the share of every step, its order, where it comes from, what is refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.errors import DataError, SettingsError
from forget.method import SupervisedSettings, TrainingSettings, TrainTask
from forget.store.manifest import read_manifest
from forget.testing.workbench import content
from forget.training import read_examples, train_supervised
from forget.training.plan import data_order, make_schedule
from forget.training.replay import ReplaySource, is_file, read_conversations, write_replay
from training.conftest import NoData, Sums
from training.test_resume import interrupted

Make = Callable[..., TrainTask]

CHATS = [
    {"messages": [{"role": "user", "content": f"Say {n}."}, {"role": "assistant", "content": "!"}]}
    for n in range(5)
]


def replaying(share: float = 0.25, **changes: Any) -> SupervisedSettings:
    return SupervisedSettings(replay=share, replay_from="general.jsonl", **changes)


def chats(folder: Path, rows: list[Any]) -> Path:
    path = folder / "general.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


@pytest.fixture
def mixed_task(train_task: Make, prepare_task: Any, tmp_path: Path) -> Make:
    """A task of which one example in each batch of four is one of five chats."""

    def make(output: str, **changes: Any) -> TrainTask:
        plain = train_task(output, **changes)
        path = chats(tmp_path, CHATS)
        settings = SupervisedSettings(
            **attrs.asdict(plain.settings), replay=0.25, replay_from=str(path)
        )
        replay = tmp_path / "replay"
        task = attrs.evolve(prepare_task(), settings=settings, output=replay)
        write_replay(task, ReplaySource(str(path)), own=plain.data)
        return attrs.evolve(plain, settings=settings, replay=replay)

    return make


@pytest.mark.parametrize(("share", "replayed"), [(0.25, 4), (0.05, 1), (0.9, 14), (0.03125, 1)])
def test_every_step_has_exactly_that_many(share: float, replayed: int) -> None:
    """The training data goes by epochs; what is replayed goes round and leaves nothing out."""
    schedule = make_schedule(replaying(share, micro_batch_size=1), rows=100, replay_rows=7)
    own = 16 - replayed
    assert schedule.steps_per_epoch == 100 // own
    assert schedule.steps == 3 * (100 // own)
    order = data_order(schedule, seed=3)
    assert len(order) == 16 * schedule.steps
    for step in range(schedule.steps):
        rows = order[16 * step : 16 * (step + 1)]
        assert [row >= 100 for row in rows] == [False] * own + [True] * replayed
    counts = Counter(row for row in order if row >= 100)
    assert set(counts) == set(range(100, 107))
    assert max(counts.values()) - min(counts.values()) <= 1
    epoch = [row for row in order[: 16 * schedule.steps_per_epoch] if row < 100]
    assert len(set(epoch)) == len(epoch)
    assert order == data_order(schedule, seed=3) != data_order(schedule, seed=4)
    longer = attrs.evolve(schedule, steps=schedule.steps + 9)
    assert data_order(longer, seed=3)[: len(order)] == order


def test_fewer_rows_than_a_batch_has_places_for() -> None:
    schedule = make_schedule(replaying(0.25), rows=5, replay_rows=7)
    assert (schedule.own, schedule.replayed, schedule.batch_size) == (5, 4, 9)
    assert schedule.steps == 3


def test_without_replay_nothing_is_different() -> None:
    plain = make_schedule(TrainingSettings(), 100)
    assert make_schedule(SupervisedSettings(), 100) == plain
    assert data_order(plain, 1)[:8] == [94, 82, 3, 4, 72, 55, 75, 84]


@pytest.mark.slow
def test_what_is_trained_on_and_told(mixed_task: Make) -> None:
    """22 sums, three of them and a chat in each step: 2 * floor(22 / 3) = 14 steps."""
    task = mixed_task("run", checkpoint_every=100)
    assert task.replay is not None
    manifest = read_manifest(task.replay)
    assert manifest is not None
    assert manifest.details["rows"] == 5
    assert manifest.details["dataset"] == manifest.details["replay"] == task.settings.replay_from
    steps: list[int] = []
    train_supervised(attrs.evolve(task, announce=lambda step, folder: steps.append(step)))
    assert steps == [14]


@pytest.mark.slow
def test_an_interruption_leaves_no_trace(mixed_task: Make) -> None:
    calm, shaken = mixed_task("calm"), mixed_task("shaken")
    train_supervised(calm)
    for step in ("step-000003", "step-000009"):
        interrupted(shaken, lambda name, step=step: name == step)  # type: ignore[misc]
    train_supervised(shaken)
    assert content(shaken.output) == content(calm.output)


def test_a_training_without_its_replay(mixed_task: Make) -> None:
    with pytest.raises(DataError, match="no complete examples to replay"):
        train_supervised(attrs.evolve(mixed_task("run"), replay=None))


def test_a_sample_as_large_as_the_training_needs(prepare_task: Any, train_task: Make) -> None:
    """Two steps with one place each: two of the dataset's 22 examples, drawn by the seed."""
    own = train_task("run")
    settings = replaying(batch_size=4, micro_batch_size=2, max_steps=2, max_length=128)
    task = attrs.evolve(prepare_task(), settings=settings, output=own.output)
    write_replay(task, ReplaySource("sums", Sums()), own=own.data)
    rows = read_examples(task.output)
    assert len(rows) == 2
    assert {row.id for row in rows} < {f"train-{n}" for n in range(22)}
    assert rows[0].messages == [{"role": "user", "content": rows[0].messages[0]["content"]}]


def test_all_forms_of_a_row(tmp_path: Path) -> None:
    import pyarrow
    from pyarrow import parquet

    turns = [{"role": "system", "content": "s"}, {"role": "user", "content": "u"}]
    answer = [{"role": "assistant", "content": "a"}]
    rows = [
        {"messages": [*turns, *answer]},
        {"prompt": turns, "completion": answer},
        {"prompt": turns, "completion": "a"},
    ]
    found = read_conversations(chats(tmp_path, rows))
    assert [item.id for item in found] == ["000000", "000001", "000002"]
    assert all((item.messages, item.completion) == (turns, "a") for item in found)
    parquet.write_table(pyarrow.Table.from_pylist(rows[:1]), tmp_path / "chats.parquet")
    assert read_conversations(tmp_path / "chats.parquet")[0].messages == turns
    assert is_file("a/b.parquet")
    assert not is_file("gsm8k")


@pytest.mark.parametrize(
    "row",
    [
        {"text": "only a text"},
        {"prompt": "p"},
        {"prompt": "p", "completion": "  "},
        {"messages": [{"role": "user", "content": "p"}]},
        {"messages": [{"role": "human", "content": "p"}, {"role": "assistant", "content": "a"}]},
        {"messages": ["p", "a"]},
        ["p", "a"],
    ],
)
def test_rows_that_are_no_conversation(row: Any, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"row 5 \(from 0\) is no conversation"):
        read_conversations(chats(tmp_path, [*CHATS, row]))


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no such file"):
        read_conversations(tmp_path / "none.parquet")
    with pytest.raises(DataError, match="has no row"):
        read_conversations(chats(tmp_path, []))
    for name in ("broken.jsonl", "broken.parquet"):
        (tmp_path / name).write_text("{")
        with pytest.raises(DataError, match="cannot be read"):
            read_conversations(tmp_path / name)


class Unsolved(Sums):
    def load(self, split: str, data: Any) -> Any:
        return [attrs.evolve(example, solution="") for example in super().load(split, data)]


def test_a_dataset_without_solutions() -> None:
    with pytest.raises(DataError, match="no example of this dataset has a solution"):
        ReplaySource("unsolved", Unsolved()).conversations(NoData())


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"replay": 0.1}, "mean nothing without each other"),
        ({"replay_from": "gsm8k"}, "mean nothing without each other"),
        ({"replay": 0.02, "replay_from": "gsm8k"}, "of batch_size=16 is 0 examples"),
        ({"replay": 0.5, "replay_from": "gsm8k", "batch_size": 1}, "is 1 examples"),
    ],
)
def test_settings_that_do_not_go_together(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        SupervisedSettings(**changes)
