"""Small things to train on: a dataset of sums, and tasks made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Example, Verdict
from forget.method import PrepareTask, TrainingSettings, TrainTask
from forget.testing import NoData
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


def small(**changes: Any) -> TrainingSettings:
    values: dict[str, Any] = {
        "lr": 1e-2,
        "batch_size": 4,
        "micro_batch_size": 2,
        "epochs": 2.0,
        "max_length": 128,
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


@pytest.fixture
def gradients(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """The gradients of the last optimiser step taken by any trainer, before they are clipped."""
    from forget.training.loop import ResumableLoop

    found: dict[str, Any] = {}
    plain = ResumableLoop.training_step

    def recording(self: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        loss = plain(self, model, *args, **kwargs)
        for name, parameter in model.named_parameters():  # summed over the micro-batches so far
            if parameter.grad is not None:
                found[name] = parameter.grad.clone()
        return loss

    monkeypatch.setattr(ResumableLoop, "training_step", recording)
    return found


def one_step(task: TrainTask, rows: int) -> Any:
    """Return a phase of one step that takes all of some rows, in whatever order."""
    from forget.training.checkpoints import CheckpointStore
    from forget.training.phase import Phase
    from forget.training.plan import make_schedule

    schedule = make_schedule(task.settings, rows)
    assert (schedule.steps, schedule.batch_size) == (1, rows)
    store = CheckpointStore(output=task.output, training="t", last_step=1)
    return Phase(task=task, store=store, schedule=schedule, lr=task.settings.lr)


def base_of(task: TrainTask) -> Any:
    """Return a task's base model, for autograd by hand."""
    import torch
    from transformers import AutoModelForCausalLM

    return AutoModelForCausalLM.from_pretrained(task.model, dtype=torch.float32)


def token_log_probs(model: Any, row: Any) -> Any:
    """Return log p of a row's tokens in the loss, one sequence at a time, without padding."""
    import torch

    ids_T, labels_T = torch.tensor(row.input_ids), torch.tensor(row.labels)[1:]
    log_probs_TV = model(ids_T[None]).logits[0, :-1].float().log_softmax(-1)
    picked_T = log_probs_TV.gather(1, ids_T[1:, None])[:, 0]
    return picked_T[labels_T != -100]


def assert_gradients(found: dict[str, Any], model: Any) -> None:
    """Compare the trainer's gradients with a model's, parameter by parameter."""
    import torch

    expected = {name: parameter.grad for name, parameter in model.named_parameters()}
    assert found.keys() == expected.keys()
    largest = max(gradient.abs().max().item() for gradient in expected.values())
    assert largest > 0
    for name, gradient in expected.items():  # float32: sums of other order and padding
        torch.testing.assert_close(found[name], gradient, rtol=1e-3, atol=1e-5 * largest)
