"""Mixed precision, on a CPU that is told to compute as a GPU does."""

from __future__ import annotations

import json
import math
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from forget.method import Method, TrainTask
from forget.progress import Silent
from forget.training import phase, precision
from forget.training.precision import unmoved_share
from forget_methods.grpo import Grpo
from forget_methods.gt_sft import GtSft
from forget_methods.pi import Pi
from forget_methods.spin import Spin
from training.rollouts.conftest import Make
from training.test_supervised import weights


def test_weights_that_a_step_cannot_change() -> None:
    """bfloat16 has 8 significant bits: the numbers beside 1 are 2^-8 below and 2^-7 above."""
    import torch

    ones = torch.ones(10, dtype=torch.bfloat16)
    assert unmoved_share([ones], 2.0**-10) == 1
    assert unmoved_share([ones], 2.0**-8) == 0
    assert unmoved_share([ones.float()], 1e-6) == 0
    assert unmoved_share([ones, torch.zeros(30, dtype=torch.bfloat16)], 1e-6) == 0.25
    assert unmoved_share([], 1e-6) == 0


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"dtype": "bfloat16"}, True),
        ({"dtype": "bfloat16", "lora_rank": 2}, False),  # adapters are float32 all the same
        ({}, False),
    ],
)
def test_a_format_too_coarse_for_the_learning_rate_is_told(
    prepared: Make, changes: dict[str, Any], told: bool
) -> None:
    notes: list[str] = []

    class Noted(Silent):
        def note(self, text: str) -> None:
            notes.append(text)

    task = prepared(GtSft(), lr=1e-6, max_steps=1, **changes)
    GtSft().train(attrs.evolve(task, progress=Noted()))
    found = [note for note in notes if note.startswith("dtype=bfloat16 is too coarse for lr=1e-06")]
    assert bool(found) == told


@pytest.mark.parametrize(
    ("gpu", "dtype", "written"),
    [
        (True, "float32", "bfloat16"),
        (False, "float32", "float32"),
        (True, "bfloat16", "bfloat16"),
    ],
)
def test_a_model_writes_in_the_format_it_computes_in(
    monkeypatch: pytest.MonkeyPatch, gpu: bool, dtype: Any, written: str
) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: gpu)
    assert precision.computed_in(dtype) == written


def test_a_learning_rate_of_nothing_is_not_a_matter_of_format() -> None:
    notes: list[str] = []
    precision.warn_of_rounding(notes.append, SimpleNamespace(parameters=list), 0.0)
    import torch

    model = torch.nn.Linear(2, 2)
    precision.warn_of_rounding(notes.append, model, 0.0)
    assert notes == []
    precision.warn_of_rounding(notes.append, model.to(torch.bfloat16), 1e-9)
    assert len(notes) == 1


@pytest.fixture
def mixed(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (phase, precision):
        monkeypatch.setattr(module, "autocasts", lambda dtype: dtype == "float32")


def first_point(task: TrainTask) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((task.output / "metrics.jsonl").read_text().splitlines()[0])
    return found


REWARD = "training.rollouts.conftest:by_length"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "changes"),
    [
        (GtSft(), {}),
        (Spin(), {}),
        (Spin(), {"variant": "sdft", "teacher_rate": 0.5, "max_prompt_length": 300}),
        (Pi(), {"divergence": "reverse", "reward": REWARD, "keep_truncated": True}),
        (Grpo(), {"reward": REWARD, "batch_size": 8, "num_generations": 4}),
    ],
    ids=["gt-sft", "spin", "sdft", "pi", "grpo"],
)
def test_steps_that_bfloat16_would_lose_are_taken(
    mixed: None, prepared: Make, lively_model: Path, method: Method, changes: dict[str, Any]
) -> None:
    """Products are taken in bfloat16, and weights are changed by 1e-7 and less."""
    import torch

    changes = {"lr": 1e-7, "max_steps": 2, "rounds": 1, "log_every": 1, "max_length": 400} | changes
    known = {field.name for field in attrs.fields(method.settings)}
    small = {name: value for name, value in changes.items() if name in known}
    task, exact = (prepared(method, name, model=lively_model, **small) for name in ("run", "exact"))
    method.train(task)
    before, after = weights(task.model), weights(task.output / "checkpoints" / "step-000002")
    moved = torch.cat([(after[name] - tensor).abs().flatten() for name, tensor in before.items()])
    assert {tensor.dtype for tensor in after.values()} == {torch.float32}
    assert 0 < moved.max() < 2e-6  # the first step of RMSProp is ten times lr
    assert (moved > 0).float().mean() > 0.3
    if isinstance(method, Spin) and "variant" not in changes:
        assert first_point(task)["loss"] == pytest.approx(math.log(2), abs=1e-3)
    with pytest.MonkeyPatch.context() as plain:
        for module in (phase, precision):
            plain.setattr(module, "autocasts", lambda dtype: False)
        method.train(exact)
    ours, theirs = first_point(task), first_point(exact)
    assert ours["grad_norm"] != theirs["grad_norm"]
    if not isinstance(method, Grpo):  # whose trainer writes, too, and writes something else
        assert ours["grad_norm"] == pytest.approx(theirs["grad_norm"], rel=0.1)
