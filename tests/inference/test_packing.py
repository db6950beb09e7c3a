"""Rearranged weights: the same products, whatever the shape, and after an exchange too."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from forget.inference import packing
from forget.inference.builtin import BuiltinEngine
from forget.inference.engine import Score
from forget.inference.loading import load_model
from forget.inference.machine import Machine
from forget.inference.packing import pack

CPU = Machine(device="cpu", device_name="", dtype="float32")

needs_onednn = pytest.mark.skipif(
    not torch.backends.mkldnn.is_available(), reason="torch has no oneDNN here"
)


@needs_onednn
@pytest.mark.parametrize("shape", [(1, 7, 24), (5, 24), (3, 1, 24), (300, 24)])
@pytest.mark.parametrize("bias", [True, False])
def test_products_are_the_same(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layer = torch.nn.Linear(24, 17, bias=bias)
    rows = torch.randn(shape)
    with torch.inference_mode():
        expected = layer(rows)
        assert pack(layer)
        torch.testing.assert_close(layer(rows), expected, rtol=1e-5, atol=1e-5)
        spread = torch.randn(*shape[:-1], 48)[..., ::2]  # not contiguous
        torch.testing.assert_close(
            layer(spread), torch.nn.functional.linear(spread, layer.weight, layer.bias)
        )


@needs_onednn
def test_a_model_keeps_its_weights_and_their_names(lively_model: Path) -> None:
    model = load_model(lively_model, CPU).model
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    assert pack(model)
    after = model.state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)


@needs_onednn
def test_it_works_where_it_is_meant_to() -> None:
    """Else all of it would be skipped in silence when torch renames an operator."""
    assert packing._works()


def test_changed_weights_are_rearranged_anew(lively_model: Path, tiny_model: Path) -> None:
    requests = [Score("What is 1 + 2?", " 3"), Score("What is", " 1")]
    engine = BuiltinEngine(CPU)
    work = engine.prepare(requests, lively_model)
    (batch,) = work.batches
    engine.load(tiny_model)
    swapped = engine.load(lively_model).answer(work, batch)
    fresh = BuiltinEngine(CPU).load(lively_model).answer(work, batch)
    other = engine.load(tiny_model).answer(work, batch)
    assert swapped == fresh
    assert swapped != other


@needs_onednn
def test_copies_of_former_weights_are_dropped_where_no_new_ones_fit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, rows = torch.nn.Linear(24, 17), torch.randn(3, 24)
    with torch.inference_mode():
        assert pack(layer)
        former = layer(rows)
    with torch.no_grad():
        layer.weight.mul_(2)
    monkeypatch.setattr(packing, "free_bytes", lambda _: 0)
    with torch.inference_mode():
        assert not pack(layer)
        expected = torch.nn.functional.linear(rows, layer.weight, layer.bias)
        assert torch.equal(layer(rows), expected)
        assert not torch.equal(layer(rows), former)


def test_other_number_formats_are_left_alone(lively_model: Path) -> None:
    model = load_model(lively_model, Machine(device="cpu", device_name="", dtype="bfloat16")).model
    assert not pack(model)


def test_little_memory_is_not_spent_on_it(
    lively_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packing, "free_bytes", lambda _: 1000)
    assert not pack(load_model(lively_model, CPU).model)


def test_operators_that_are_gone_are_not_used(
    lively_model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise AttributeError("_OpNamespace 'mkldnn' object has no attribute '_linear_pointwise'")

    packing._works.cache_clear()
    monkeypatch.setattr(packing, "_multiply", gone)
    try:
        assert not pack(load_model(lively_model, CPU).model)
    finally:
        packing._works.cache_clear()
