"""Small things to train on: a dataset of sums, and tasks made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Example, Verdict
from forget.method import PrepareTask, TrainingSettings, TrainTask
from forget.training import Conversation, write_examples
from tiny_models import make_tokenizer


class Sums:
    """A dataset that needs no rows from anywhere; completions differ in length."""

    name = "sums"
    title = "Sums"
    summary = "a + b"
    max_new_tokens = 16

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        numbers = range(22) if split == "train" else range(22, 30)
        return [
            Example(
                id=f"{split}-{n}",
                question=f"What is {n} + {n}?",
                solution=f"{' '.join(['step'] * (n % 5))} {n} plus {n} is {2 * n}.".strip(),
                answer=str(2 * n),
            )
            for n in numbers
        ]

    def prompt(self, example: Example) -> list[Message]:
        return [{"role": "user", "content": example.question}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        raise NotImplementedError


class NoData:
    def rows(self, source: Any, split: str) -> Any:
        raise AssertionError("this dataset reads no rows")


def small(**changes: Any) -> TrainingSettings:
    values: dict[str, Any] = {
        "lr": 1e-2,
        "batch_size": 4,
        "micro_batch_size": 2,
        "epochs": 2.0,
        "max_length": 128,
        "dtype": "float32",
        "checkpoint_every": 3,
        "log_every": 2,
        "drift_prompts": 0,
        **changes,
    }
    return TrainingSettings(**values)


@pytest.fixture(scope="session")
def tokenizer() -> Any:
    return make_tokenizer()


@pytest.fixture
def prepare_task(tiny_model: Path, tmp_path: Path) -> Callable[..., PrepareTask]:
    def make(**changes: Any) -> PrepareTask:
        return PrepareTask(
            dataset=Sums(),
            data=NoData(),
            model=tiny_model,
            settings=small(**changes),
            seed=7,
            output=tmp_path / "data",
        )

    return make


@pytest.fixture
def train_task(
    tiny_model: Path, tmp_path: Path, prepare_task: Callable[..., PrepareTask]
) -> Callable[..., TrainTask]:
    """Prepare the sums and return a task; further keywords are settings."""

    def make(output: str = "run", announce: Any = None, **changes: Any) -> TrainTask:
        prepared = prepare_task(**changes)
        sums = prepared.dataset
        write_examples(
            prepared,
            (
                Conversation(e.id, sums.prompt(e), e.solution)
                for e in sums.load("train", prepared.data)
            ),
        )
        return TrainTask(
            dataset=sums,
            model=tiny_model,
            data=prepared.output,
            output=tmp_path / output,
            settings=prepared.settings,
            seed=7,
            announce=announce or (lambda step, folder: None),
        )

    return make
