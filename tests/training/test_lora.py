"""LoRA beside full fine-tuning: what a gradient step of one is in terms of the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from forget.method import TrainTask
from forget.training.student import load_student
from forget.training.supervised import Row, _encode_all, fit_rows
from training.conftest import base_of, one_step, token_log_probs

Make = Callable[..., TrainTask]

RANK = 128
"""More than any layer of the tiny model has inputs, so nothing is out of reach."""


def adapted_layers(model: Any) -> dict[str, tuple[Any, Any]]:
    """Return A [r, in] and B [out, r] of every adapted layer by its name in the base model."""
    return {
        name.removeprefix("base_model.model."): (
            module.lora_A["default"].weight,
            module.lora_B["default"].weight,
        )
        for name, module in model.named_modules()
        if hasattr(module, "lora_A")
    }


@pytest.mark.slow
@pytest.mark.parametrize("alpha", [128.0, 32.0])
def test_gradients_of_the_adapters_are_projections_of_the_full_one(
    train_task: Make, gradients: dict[str, Any], alpha: float
) -> None:
    """With W + s B A, s = alpha / r and B = 0: dL/dB = s G A^T and dL/dA = 0.

    A of full column rank loses nothing: G = dL/dB (A^T)^+ / s.
    """
    import torch

    shared = {"batch_size": 4, "max_steps": 1, "max_grad_norm": 0.0}
    whole = train_task("whole", **shared)
    rows = _encode_all(whole)[:4]
    fit_rows(one_step(whole, 4), rows, 0, lambda steps: None)
    full = dict(gradients)
    gradients.clear()
    task = train_task("lora", lora_rank=RANK, lora_alpha=alpha, **shared)
    fit_rows(one_step(task, 4), rows, 0, lambda steps: None)

    layers = adapted_layers(load_student(task.model, task.settings, task.seed, None))
    assert len(layers) == 14  # seven linear layers in each of two blocks
    assert len(gradients) == 2 * len(layers)  # and nothing else is trained
    for name, (a, b) in layers.items():
        assert not b.any()
        g, s = full[f"{name}.weight"], alpha / RANK
        found = gradients[f"base_model.model.{name}.lora_B.default.weight"]
        tolerance = {"rtol": 1e-3, "atol": 1e-4 * g.abs().max().item()}
        torch.testing.assert_close(found, s * g @ a.T, **tolerance)
        torch.testing.assert_close(found @ torch.linalg.pinv(a.T) / s, g, **tolerance)
        assert not gradients[f"base_model.model.{name}.lora_A.default.weight"].any()


def test_a_plain_step_with_orthonormal_a_is_the_full_step(train_task: Make) -> None:
    """B = -lr s G A^T makes the update s B A = -lr s^2 G A^T A, which is -lr G where s = 1."""
    import torch

    task = train_task(lora_rank=RANK, lora_alpha=float(RANK))
    rows = _encode_all(task)[:4]
    model = load_student(task.model, task.settings, task.seed, None)
    layers = adapted_layers(model)
    with torch.no_grad():
        for a, _ in layers.values():
            torch.nn.init.orthogonal_(a)  # [r, in] with r > in: its columns are orthonormal
    step(model, rows, lr=0.1)
    merged = dict(model.merge_and_unload().named_parameters())

    whole = base_of(task)
    before = {name: parameter.detach().clone() for name, parameter in whole.named_parameters()}
    step(whole, rows, lr=0.1)
    after = dict(whole.named_parameters())
    for name in (f"{layer}.weight" for layer in layers):
        moved = after[name] - before[name]
        assert moved.any()
        tolerance = 1e-4 * moved.abs().max().item()
        torch.testing.assert_close(merged[name] - before[name], moved, rtol=1e-3, atol=tolerance)


def step(model: Any, rows: list[Row], lr: float) -> None:
    """Take one step of plain gradient descent on the mean over tokens."""
    import torch

    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=lr)
    loss = -sum(token_log_probs(model, row).sum() for row in rows)
    (loss / sum(row.tokens for row in rows)).backward()
    optimizer.step()
