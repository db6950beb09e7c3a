"""The share of unchanged weights and the length of the change, of changes made by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoModelForCausalLM

from forget.inference.tensors import open_tensors
from forget.training.drift.weights import Change, compare, trained_weights
from forget.training.student import load_student
from training.conftest import small


class Pair(torch.nn.Module):
    """Two weights, one of them used twice."""

    def __init__(self, a: list[float], b: list[float], dtype: Any = torch.float32) -> None:
        super().__init__()
        self.a = torch.nn.Parameter(torch.tensor(a, dtype=dtype))
        self.b = torch.nn.Parameter(torch.tensor(b, dtype=dtype))
        self.tied = self.a


def changed(folder: Path, base: dict[str, list[float]], model: Any) -> Change | None:
    save_file(
        {name: torch.tensor(values) for name, values in base.items()}, folder / "m.safetensors"
    )
    with open_tensors(folder) as files:
        return compare(model, files)


def test_a_change_made_by_hand(tmp_path: Path) -> None:
    """Of five weights two moved by more than 1e-5; the lengths are those of 3, 4, 12 triangles."""
    model = Pair([3.0, 0.0, 8e-6], [0.0, 4.0])
    found = changed(tmp_path, {"a": [0.0, 0.0, 1e-6], "b": [0.0, 12.0]}, model)
    assert found is not None
    assert found.unchanged == 3 / 5
    # squares: 9 + 49e-12 + 64 moved, 1e-12 + 144 there before
    assert found.relative == pytest.approx(math.sqrt(73) / 12, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_what_bfloat16_cannot_hold_is_no_change(tmp_path: Path, dtype: Any) -> None:
    """From 1 to 2 its numbers are 2^-7 apart: a step of 2^-9 is rounded away, one of 2^-7 not."""
    model = Pair([1 + 2**-9, 1 + 2**-7], [1.0], dtype)
    found = changed(tmp_path, {"a": [1.0, 1.0], "b": [1.0]}, model)
    assert found is not None
    assert found.unchanged == 2 / 3
    moved = 2**-14 + (2**-18 if dtype == torch.float32 else 0)
    assert found.relative == pytest.approx(math.sqrt(moved / 3), rel=1e-6)


def test_the_base_is_rounded_as_it_is_loaded(tmp_path: Path) -> None:
    """1 + 2^-9 of a file in float32 is 1 once the model is in bfloat16: nothing has moved."""
    model = Pair([1.0], [1.0], torch.bfloat16)
    assert changed(tmp_path, {"a": [1 + 2**-9], "b": [1.0]}, model) == Change(1.0, 0.0)


@pytest.mark.parametrize("base", [{"a": [1.0]}, {"a": [1.0], "b": [1.0, 2.0]}])
def test_files_with_other_names_or_shapes_are_not_compared(
    tmp_path: Path, base: dict[str, list[float]]
) -> None:
    assert changed(tmp_path, base, Pair([1.0], [1.0])) is None


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_model_as_it_was_loaded_is_unchanged(tiny_model: Path, dtype: str) -> None:
    student = load_student(tiny_model, small(dtype=dtype), 0, None)
    with open_tensors(tiny_model) as files:
        assert compare(student, files) == Change(1.0, 0.0)


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_adapters_count_by_merged_weights_and_are_not_merged(
    tiny_model: Path, tmp_path: Path, dtype: str
) -> None:
    """W0 + BA to the last bit of peft's own merging, with the model left as it was."""
    student = load_student(tiny_model, small(lora_rank=2, dtype=dtype), 0, None)
    with torch.no_grad():
        for name, parameter in student.named_parameters():
            if "lora_B" in name:  # zero at the start
                parameter.normal_(generator=torch.Generator().manual_seed(len(name)))
    before = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    found = {name: tensor.clone() for name, tensor in trained_weights(student)}
    with open_tensors(tiny_model) as files:
        by_adapter = compare(student, files)
    assert all(torch.equal(tensor, before[name]) for name, tensor in student.state_dict().items())
    merged = student.merge_and_unload()
    expected = dict(merged.named_parameters())
    assert found.keys() == expected.keys()
    for name, tensor in expected.items():
        torch.testing.assert_close(found[name], tensor.detach(), rtol=0, atol=0)
    merged.save_pretrained(tmp_path / "merged")
    whole = AutoModelForCausalLM.from_pretrained(tmp_path / "merged", dtype=getattr(torch, dtype))
    with open_tensors(tiny_model) as files:
        assert compare(whole, files) == by_adapter
    assert by_adapter is not None
    assert 0 < by_adapter.unchanged < 1
    assert by_adapter.relative > 0
