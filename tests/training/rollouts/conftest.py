"""Trainings in rounds of a tiny model, and rewards that a model of random weights can earn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.completion import Completion
from forget.dataset import Example, Verdict
from forget.method import PrepareTask, TrainTask
from training.trajectories.conftest import Graded, NoData

SMALL: dict[str, Any] = {
    "lr": 1e-2,
    "batch_size": 4,
    "micro_batch_size": 2,
    "max_steps": 6,
    "max_length": 128,
    "checkpoint_every": 2,
    "log_every": 2,
    "rounds": 2,
    "max_completion_length": 12,
    "max_prompt_length": 100,
    "drift_prompts": 0,
}

Make = Callable[..., TrainTask]


def by_length(example: Example, completion: Completion, verdict: Verdict) -> float:
    """Half a point for an even length, for one that can be earned without knowing anything."""
    return len(completion.text) % 2 / 2


def capital(example: Example, completion: Completion, verdict: Verdict) -> float:
    """One point for a capital letter."""
    return float(completion.text != completion.text.lower())


def fails(example: Example, completion: Completion, verdict: Verdict) -> float:
    raise ZeroDivisionError("of the user's")


def no_number(example: Example, completion: Completion, verdict: Verdict) -> float:
    return float("nan")


@pytest.fixture
def prepared(tiny_model: Path, tmp_path: Path) -> Make:
    """Prepare the graded sums for a method and return its training task."""

    def make(
        method: Any,
        output: str = "run",
        dataset: Any = None,
        model: Path = tiny_model,
        **changes: Any,
    ) -> TrainTask:
        known = {field.name for field in attrs.fields(method.settings)}
        small = {name: value for name, value in SMALL.items() if name in known}
        settings = method.settings(**{**small, **changes})
        task = PrepareTask(
            dataset=dataset or Graded(),
            data=NoData(),
            model=model,
            settings=settings,
            seed=3,
            output=tmp_path / output / "data",
        )
        method.prepare(task)
        return TrainTask(
            dataset=task.dataset,
            model=model,
            data=task.output,
            output=tmp_path / output,
            settings=settings,
            seed=3,
        )

    return make
