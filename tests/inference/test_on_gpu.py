"""What the built-in engine does on a GPU, against a processor."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.errors import WorkError
from forget.inference.builtin import BuiltinEngine
from forget.inference.engine import Score
from forget.inference.machine import Machine, resolve_machine
from forget.inference.memory import memory_for

pytestmark = pytest.mark.gpu

REQUESTS = [Score(f"question {n} is {'so ' * n}", f" answer {n % 3}") for n in range(40)]


def log_likelihoods(model: Path, device: str, dtype: str) -> list[float]:
    engine = BuiltinEngine(Machine(device=device, device_name="", dtype=dtype))
    work = engine.prepare(REQUESTS, model)
    running = engine.load(model)
    found = {
        index: answer[0]
        for batch in work.batches
        for index, answer in zip(batch.requests, running.answer(work, batch), strict=True)
    }
    return [found[index] for index in range(len(REQUESTS))]


def test_it_is_found(gpu: str) -> None:
    machine = resolve_machine()
    assert (machine.device, machine.dtype) == (gpu, "bfloat16")
    assert machine.device_name not in ("", "unknown GPU")


@pytest.mark.parametrize(("dtype", "close"), [("float32", 2e-3), ("bfloat16", 1.0)])
def test_scores_are_those_of_a_processor(
    gpu: str, tiny_model: Path, dtype: str, close: float
) -> None:
    expected = log_likelihoods(tiny_model, "cpu", "float32")
    assert log_likelihoods(tiny_model, gpu, dtype) == pytest.approx(expected, abs=close)


def test_memory_that_does_not_suffice(gpu: str) -> None:
    import torch

    with pytest.raises(WorkError, match=r"of the GPU's .* GB"), memory_for("to fly", "Land."):
        torch.empty(10**13, device=gpu)
