"""`l2_to_base`: the pull in closed form, in every number format, through any resume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.errors import SettingsError
from forget.method import SupervisedSettings, TrainingSettings, TrainTask
from forget.testing.workbench import content
from forget.training import TrajectorySettings, train_supervised
from forget.training.base_pull import BasePull, pull, weights_of
from forget.training.rollouts.settings import RolloutSettings
from training.test_resume import CHANGES, interrupted
from training.test_supervised import weights

Make = Callable[..., TrainTask]


def steps(base: Any, model: Any, optimizer: Any, count: int, l2: float = 0.5) -> None:
    """Take optimiser steps as a trainer does, with gradients of zero."""
    callback = BasePull(base, l2, seed=3, first=0)
    for step in range(count):
        for parameter in model.parameters():
            parameter.grad = parameter * 0
        optimizer.step()
        state = SimpleNamespace(global_step=step)
        callback.on_optimizer_step(None, state, None, model=model, optimizer=optimizer)


def test_without_a_gradient_the_way_back_is_geometric() -> None:
    """theta_n - theta0 = (1 - lr * l2)^n (theta_1 - theta0)."""
    import torch

    torch.manual_seed(0)
    model = torch.nn.Linear(8, 4, dtype=torch.float64)
    base = weights_of(model)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter))
    start = weights_of(model)
    steps(base, model, torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.0), 7)
    for name, theta in model.named_parameters():
        expected = base[name] + (1 - 0.1 * 0.5) ** 7 * (start[name] - base[name])
        torch.testing.assert_close(theta.detach(), expected, rtol=1e-12, atol=1e-12)


def test_bfloat16_comes_back_in_expectation_and_the_unchanged_stays() -> None:
    """A pull of 1 % of the distance to the next number moves one weight of a hundred."""
    import torch

    random = torch.Generator().manual_seed(0)
    base = torch.full((200_000,), 1.0, dtype=torch.bfloat16)
    theta = torch.nextafter(base, base * 2)
    theta[:1000] = base[:1000]
    before = theta.clone()
    pull(theta, base, 0.01, random)
    assert torch.equal(theta[:1000], base[:1000])
    moved = (theta != before)[1000:].double().mean().item()
    assert moved == pytest.approx(0.01, abs=4 * (0.01 / 199_000) ** 0.5)
    assert set(theta.tolist()) == {1.0, before[-1].item()}


@pytest.mark.slow
def test_two_steps_of_a_training_are_those_of_the_closed_form(train_task: Make) -> None:
    """The first step is pulled from where AdamW leaves it: (1 - lr l2) of its own update."""
    import torch
    from safetensors.torch import load_file

    shared = {"max_steps": 1, "warmup": 0.0, "weight_decay": 0.0}
    free, pulled = train_task("free", **shared), train_task("pulled", l2_to_base=20.0, **shared)
    train_supervised(free)
    train_supervised(pulled)
    base = load_file(free.model / "model.safetensors")
    theta, drawn = (weights(t.output / "checkpoints" / "step-000001") for t in (free, pulled))
    for name in theta:
        expected = base[name] + (1 - 1e-2 * 20) * (theta[name] - base[name])
        torch.testing.assert_close(drawn[name], expected, rtol=1e-6, atol=1e-8)
        assert not torch.equal(drawn[name], theta[name])


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_resume_pulls_to_the_base_and_not_to_the_checkpoint(train_task: Make, dtype: str) -> None:
    changes = {**CHANGES, "l2_to_base": 5.0, "dtype": dtype}
    calm, shaken = train_task("calm", **changes), train_task("shaken", **changes)
    train_supervised(calm)
    for step in ("step-000003", "step-000006"):
        interrupted(shaken, lambda name, step=step: name == step)  # type: ignore[misc]
    train_supervised(shaken)
    assert content(shaken.output) == content(calm.output)


@pytest.mark.slow
def test_a_phase_from_a_checkpoint_pulls_to_the_base(train_task: Make, tmp_path: Path) -> None:
    """With a pull of the whole way, lr * l2 = 1, the weights are the base's again."""
    import torch
    from safetensors.torch import load_file

    from forget.training.checkpoints import CheckpointStore
    from forget.training.phase import Phase
    from forget.training.plan import make_schedule
    from forget.training.supervised import _encode_all, fit_rows

    before = train_task("before", max_steps=2)
    train_supervised(before)
    shared = {"max_steps": 1, "warmup": 0.0, "lr_schedule": "constant_with_warmup"}
    task = train_task("after", l2_to_base=100.0, **shared)
    phase = Phase(
        task=task,
        store=CheckpointStore(output=task.output, training="t", last_step=3),
        schedule=make_schedule(task.settings, 22),
        lr=1e-2,
        first=2,
        start=before.output / "checkpoints" / "step-000002",
    )
    fit_rows(phase, _encode_all(task), 2, lambda steps: None)
    base = load_file(task.model / "model.safetensors")
    for name, theta in weights(task.output / "checkpoints" / "step-000003").items():
        torch.testing.assert_close(theta, base[name], rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    "settings", [TrainingSettings, SupervisedSettings, TrajectorySettings, RolloutSettings]
)
def test_adapters_are_refused(settings: type[TrainingSettings]) -> None:
    with pytest.raises(SettingsError, match=r"l2_to_base=0\.1 pulls .* lora_rank=8"):
        settings(l2_to_base=0.1, lora_rank=8)
