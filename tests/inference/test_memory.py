"""What is expected to fit the memory, and what is done where it does not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
import torch
from transformers import GPT2Config, LlamaConfig

from forget.errors import WorkError
from forget.inference import memory
from forget.inference.builtin import BuiltinEngine
from forget.inference.engine import Score
from forget.inference.machine import Machine

CPU = Machine(device="cpu", device_name="", dtype="float32")


def test_bytes_of_keys_are_those_of_a_cache() -> None:
    config = LlamaConfig(
        hidden_size=48, num_hidden_layers=3, num_attention_heads=6, num_key_value_heads=2
    )
    # Keys and values of three layers with two heads of eight numbers of four bytes.
    assert memory.key_bytes(config, 4) == 2 * 3 * 2 * 8 * 4


def test_bytes_of_keys_where_every_head_has_its_own() -> None:
    config = GPT2Config(n_embd=64, n_layer=2, n_head=4)
    assert memory.key_bytes(config, 2) == 2 * 2 * 64 * 2


def test_a_head_need_not_be_a_share_of_the_hidden_size() -> None:
    config = LlamaConfig(hidden_size=48, num_hidden_layers=1, num_attention_heads=6, head_dim=16)
    assert memory.key_bytes(config, 4) == 2 * 6 * 16 * 4


def test_free_memory_is_the_lesser_of_machine_and_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit, used = tmp_path / "max", tmp_path / "current"
    monkeypatch.setattr(memory, "_LIMIT", limit)
    monkeypatch.setattr(memory, "_USED", used)
    monkeypatch.setattr(
        psutil, "virtual_memory", lambda: SimpleNamespace(available=6_000_000, total=9_000_000)
    )
    assert memory.free_bytes("cpu") == 6_000_000
    used.write_text("1000000\n")
    limit.write_text("max\n")
    assert memory.free_bytes("cpu") == 6_000_000
    limit.write_text("3000000\n")
    assert memory.free_bytes("cpu") == 2_000_000
    limit.write_text("900000\n")
    assert memory.free_bytes("cpu") == 0


def test_what_is_not_expected_to_fit_is_split_beforehand() -> None:
    asked: list[int] = []

    def action(items: object) -> list[int]:
        assert isinstance(items, list)
        asked.append(len(items))
        return [2 * item for item in items]

    found = memory.split_to_fit(action, list(range(10)), lambda items: len(items) <= 3)
    assert found == [2 * item for item in range(10)]
    assert asked == [2, 3, 2, 3]


def test_a_single_request_is_tried_whatever_is_expected() -> None:
    assert memory.split_to_fit(list, [7], lambda _: False) == [7]


def test_the_engine_splits_by_the_memory_there_is(
    lively_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from forget.inference import builtin, scoring

    requests = [Score(f"question {n} is", f" answer {n}") for n in range(8)]
    engine = BuiltinEngine(CPU)
    work = engine.prepare(requests, lively_model)
    model = engine.load(lively_model)
    (batch,) = work.batches
    expected = model.answer(work, batch)
    sizes: list[int] = []
    whole = scoring.score
    monkeypatch.setattr(scoring, "score", lambda m, e: sizes.append(len(e)) or whole(m, e))
    monkeypatch.setattr(builtin, "free_bytes", lambda _: 0)
    found = model.answer(work, batch)
    assert sizes == [1] * 8
    assert [a[1] for a in found] == [a[1] for a in expected]
    assert [a[0] for a in found] == pytest.approx([a[0] for a in expected], abs=1e-4)


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("MPS backend out of memory"),
        torch.OutOfMemoryError("CUDA out of memory."),
    ],
)
def test_memory_that_does_not_suffice_is_said_in_words(error: Exception) -> None:
    with pytest.raises(WorkError) as raised, memory.memory_for("to fly", "Land."):
        raise error
    assert str(raised.value) == "The memory does not suffice to fly. Land."


def test_of_a_gpu_it_is_told_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda: (20_000_000, 150_000_000_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda: 13_500_000_000)
    with (
        pytest.raises(WorkError, match=r"the GPU's 150\.0 GB this process has 13\.5, and 136\.5"),
        memory.memory_for("to fly", "Land."),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory.")


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match=r"^wings$"), memory.memory_for("to fly", "Land."):
        raise RuntimeError("wings")
