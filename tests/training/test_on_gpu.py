"""What a training on a GPU leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from forget.training import processes
from forget_methods.gt_sft import GtSft

pytestmark = pytest.mark.gpu


def test_weights_stay_float32_and_move(gpu: str, train_task: Callable[..., Any]) -> None:
    import torch
    from safetensors.torch import load_file

    task = train_task("gpu", max_steps=3, drift_prompts=2)
    processes.train(GtSft(), task)
    base = load_file(task.model / "model.safetensors")
    trained = load_file(task.output / "checkpoints" / "step-000003" / "model.safetensors")
    assert {tensor.dtype for tensor in trained.values()} == {torch.float32}
    assert any(not torch.equal(base[name], trained[name]) for name in base)
    (drift,) = (task.output / "drift.jsonl").read_text().splitlines()
    assert json.loads(drift)["step"] == 3
    assert torch.cuda.max_memory_allocated(gpu) > 0
