from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from forget.errors import SettingsError
from forget.method import TrainingSettings
from forget.training.plan import data_order, make_schedule, training_digest


@pytest.mark.parametrize(
    ("rows", "steps"),
    [(7473, 1401), (7397, 1386), (7500, 1404), (6946, 1302), (3151, 588), (6568, 1230)],
)
def test_steps_of_the_study(rows: int, steps: int) -> None:
    schedule = make_schedule(TrainingSettings(), rows)
    assert (schedule.steps, schedule.accumulation()) == (steps, 4)
    assert schedule.warmup_steps == -(-steps * 5 // 100)


@pytest.mark.parametrize(
    ("changes", "rows", "expected"),
    [
        ({"max_steps": 5}, 7473, (5, 16, 4)),
        ({"epochs": 0.5}, 320, (10, 16, 4)),
        ({"epochs": 0.1, "batch_size": 1, "micro_batch_size": 1}, 30, (3, 1, 1)),
        ({"batch_size": 8, "micro_batch_size": 32}, 80, (30, 8, 8)),
        ({}, 10, (3, 10, 2)),  # fewer rows than a batch: all of them, in equal parts
        ({}, 7, (3, 7, 1)),
        ({}, 1, (3, 1, 1)),
    ],
)
def test_other_shapes(changes: dict[str, Any], rows: int, expected: tuple[int, int, int]) -> None:
    schedule = make_schedule(TrainingSettings(**changes), rows)
    assert (schedule.steps, schedule.batch_size, schedule.micro_batch_size) == expected


def test_completions_of_questions() -> None:
    """16 questions a step, each batch for two steps; an epoch is a pass over the questions."""
    settings = TrainingSettings(batch_size=64, epochs=2)
    schedule = make_schedule(settings, 100, per_row=4, passes=2)
    assert (schedule.batch_size, schedule.own, schedule.accumulation()) == (64, 16, 16)
    assert (schedule.steps_per_epoch, schedule.steps, schedule.batches) == (12, 24, 12)
    order = data_order(schedule, seed=1)
    assert len(order) == 12 * 16
    assert max(Counter(order[:96]).values()) == max(Counter(order[96:]).values()) == 1
    odd = make_schedule(TrainingSettings(batch_size=64, max_steps=5), 100, per_row=4, passes=2)
    assert data_order(odd, seed=1) == order[: 3 * 16]
    few = make_schedule(settings, 3, per_row=4)
    assert (few.batch_size, few.own, few.micro_batch_size) == (12, 3, 4)


def test_batch_that_is_no_multiple_is_refused() -> None:
    with pytest.raises(
        SettingsError, match="batch_size=16 is not a multiple of micro_batch_size=6"
    ):
        make_schedule(TrainingSettings(micro_batch_size=6), 100)


def test_no_step_is_refused() -> None:
    with pytest.raises(SettingsError, match="make no step"):
        make_schedule(TrainingSettings(epochs=0.0), 100)


def test_full_warmup_is_all_steps() -> None:
    assert make_schedule(TrainingSettings(warmup=1.0, max_steps=9), 100).warmup_steps == 9
    assert make_schedule(TrainingSettings(warmup=0.0, max_steps=9), 100).warmup_steps == 0


def test_each_pass_has_each_example_at_most_once_in_its_own_order() -> None:
    schedule = make_schedule(TrainingSettings(batch_size=4, epochs=3), 22)
    order = data_order(schedule, seed=1)
    passes = [order[i : i + 20] for i in range(0, 60, 20)]
    assert len(order) == 60
    assert all(max(Counter(rows).values()) == 1 for rows in passes)
    assert passes[0] != passes[1] != passes[2]
    assert order == data_order(schedule, seed=1) != data_order(schedule, seed=2)


def test_longer_training_starts_the_same() -> None:
    short, long = (make_schedule(TrainingSettings(max_steps=n), 100) for n in (3, 30))
    assert data_order(long, 5)[:48] == data_order(short, 5)


def test_digest_tells_trainings_apart() -> None:
    same = training_digest(TrainingSettings(), 1, "abc")
    assert same == training_digest(TrainingSettings(), 1, "abc")
    others = {
        training_digest(TrainingSettings(lr=1.0), 1, "abc"),
        training_digest(TrainingSettings(), 2, "abc"),
        training_digest(TrainingSettings(), 1, "abd"),
    }
    assert len(others | {same}) == 4
