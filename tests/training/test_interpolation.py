"""WiSE-FT: the closed form for whole models, adapters, shards and tied heads; refusals."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from forget.errors import ModelError, OutputError
from forget.progress import Silent
from forget.store.manifest import verify
from forget.training.interpolation import (
    check_pair,
    interpolate,
    interpolation_label,
    is_interpolation,
)

Weights = dict[str, torch.Tensor]
Change = Callable[[Weights], Weights]


def read(folder: Path) -> Weights:
    return {
        n: t for file in sorted(folder.glob("*.safetensors")) for n, t in load_file(file).items()
    }


def changed(model: Path, folder: Path, change: Change) -> Path:
    """Copy a model with other weights."""
    shutil.copytree(model, folder)
    weights = change(load_file(folder / "model.safetensors"))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def noisy(weights: Weights) -> Weights:
    """Change every tensor but one."""
    random = torch.Generator().manual_seed(1)
    return {
        n: t if "o_proj" in n else t + torch.randn(t.shape, generator=random)
        for n, t in weights.items()
    }


def in_bfloat16(weights: Weights) -> Weights:
    return {name: tensor.bfloat16() for name, tensor in weights.items()}


@pytest.fixture
def trained(tiny_model: Path, tmp_path: Path) -> Path:
    return changed(tiny_model, tmp_path / "trained", noisy)


def test_the_weights_are_those_of_the_closed_form(
    tiny_model: Path, trained: Path, tmp_path: Path
) -> None:
    wanted = {alpha: tmp_path / str(alpha) for alpha in (0.0, 0.25, 0.5, 1.0)}
    interpolate(tiny_model, trained, wanted, Silent())
    theta0, theta1 = read(tiny_model), read(trained)
    for alpha, folder in wanted.items():
        assert verify(folder) is not None
        assert is_interpolation(folder)
        made = read(folder)
        assert made.keys() == theta1.keys()
        for name, theta in made.items():
            exact = (1 - alpha) * theta0[name].double() + alpha * theta1[name].double()
            torch.testing.assert_close(theta.double(), exact, rtol=1e-6, atol=1e-7)
            if "o_proj" in name:
                assert torch.equal(theta, theta0[name])
        assert (folder / "config.json").read_bytes() == (trained / "config.json").read_bytes()
    assert all(torch.equal(t, theta0[n]) for n, t in read(wanted[0.0]).items())
    assert all(torch.equal(t, theta1[n]) for n, t in read(wanted[1.0]).items())


def test_the_number_format_is_the_checkpoints(tiny_model: Path, tmp_path: Path) -> None:
    half = changed(tiny_model, tmp_path / "half", lambda w: in_bfloat16(noisy(w)))
    interpolate(tiny_model, half, {0.5: tmp_path / "out"}, Silent())
    theta0, theta1 = read(tiny_model), read(half)
    for name, theta in read(tmp_path / "out").items():
        exact = torch.lerp(theta0[name], theta1[name].float(), 0.5)
        assert torch.equal(theta, exact.bfloat16())


def test_shards_and_a_stored_tied_head(tiny_model: Path, trained: Path, tmp_path: Path) -> None:
    """The base has its tied head stored; the checkpoint comes in files."""

    def with_head(weights: Weights) -> Weights:
        return {**weights, "lm_head.weight": weights["model.embed_tokens.weight"].clone()}

    base = changed(tiny_model, tmp_path / "base", with_head)
    sharded = tmp_path / "sharded"
    shutil.copytree(trained, sharded)
    weights = load_file(sharded / "model.safetensors")
    (sharded / "model.safetensors").unlink()
    for part in (0, 1):
        some = {n: t for i, (n, t) in enumerate(weights.items()) if i % 2 == part}
        save_file(some, sharded / f"model-0000{part + 1}-of-00002.safetensors")
    interpolate(base, sharded, {0.5: tmp_path / "out"}, Silent())
    interpolate(tiny_model, trained, {0.5: tmp_path / "plain"}, Silent())
    plain, made = read(tmp_path / "plain"), read(tmp_path / "out")
    assert made.keys() == plain.keys()
    assert all(torch.equal(made[name], plain[name]) for name in plain)


@pytest.mark.slow
def test_an_adapter_is_merged(tiny_model: Path, tmp_path: Path) -> None:
    """theta0 + alpha * lora_alpha / r * B A; what has no adapter stays."""
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(tiny_model),
        LoraConfig(r=2, lora_alpha=8, target_modules=["q_proj"], task_type="CAUSAL_LM"),
    )
    for name, parameter in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    adapter = tmp_path / "adapter"
    model.save_pretrained(adapter)
    shutil.copyfile(tiny_model / "tokenizer.json", adapter / "tokenizer.json")
    interpolate(tiny_model, adapter, {0.25: tmp_path / "out"}, Silent())
    theta0, lora = read(tiny_model), read(adapter)
    for name, theta in read(tmp_path / "out").items():
        expected = theta0[name]
        if "q_proj" in name:
            stem = f"base_model.model.{name.removesuffix('.weight')}"
            update = lora[f"{stem}.lora_B.weight"] @ lora[f"{stem}.lora_A.weight"]
            expected = expected + 0.25 * (8 / 2) * update
        torch.testing.assert_close(theta, expected, rtol=1e-5, atol=1e-6)
    assert not (tmp_path / "out" / "adapter_config.json").exists()
    assert not list(tmp_path.glob(".*"))


def test_what_is_there_is_left_and_what_is_damaged_made_again(
    tiny_model: Path, trained: Path, tmp_path: Path
) -> None:
    wanted = {alpha: tmp_path / "out" / str(alpha) for alpha in (0.25, 0.5)}
    interpolate(tiny_model, trained, wanted, Silent())
    file = wanted[0.5] / "model.safetensors"
    whole = file.read_bytes()
    untouched = (wanted[0.25] / "model.safetensors").stat().st_mtime_ns
    file.write_bytes(whole[:-1] + b"?")
    interpolate(tiny_model, trained, wanted, Silent())
    assert file.read_bytes() == whole
    assert (wanted[0.25] / "model.safetensors").stat().st_mtime_ns == untouched


def test_a_folder_that_holds_something_else(
    tiny_model: Path, trained: Path, tmp_path: Path
) -> None:
    """It is refused, and replaced only where the caller owns it."""
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "notes").write_text("!")
    with pytest.raises(OutputError, match="holds something else"):
        interpolate(tiny_model, trained, {0.5: mine}, Silent())
    assert (mine / "notes").exists()
    interpolate(tiny_model, trained, {0.5: mine}, Silent(), replace=True)
    assert verify(mine) is not None
    with pytest.raises(OutputError):
        interpolate(tiny_model, trained, {0.25: mine}, Silent())


def other_architecture(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "model_type": "qwen3"}))


def reweigh(change: Change) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        weights = change(load_file(folder / "model.safetensors"))
        save_file(weights, folder / "model.safetensors")

    return spoil


REFUSALS: list[tuple[Callable[[Path], None], str]] = [
    (other_architecture, "architecture 'llama', the other of 'qwen3'"),
    (reweigh(lambda w: dict(list(w.items())[1:])), "1 tensors are in one of them only"),
    (reweigh(lambda w: {n: t[:2] for n, t in w.items()}), "has the shape"),
    (lambda folder: (folder / "model.safetensors").unlink(), "no \\*.safetensors file"),
]


@pytest.mark.parametrize(("spoil", "said"), REFUSALS)
def test_models_that_do_not_belong_together(
    tiny_model: Path, trained: Path, tmp_path: Path, spoil: Callable[[Path], None], said: str
) -> None:
    spoil(trained)
    with pytest.raises(ModelError, match=said):
        interpolate(tiny_model, trained, {0.5: tmp_path / "out"}, Silent())
    assert not (tmp_path / "out").exists()


def test_adapters_without_their_base(tiny_model: Path, tmp_path: Path) -> None:
    adapter = tmp_path / "adapter"
    shutil.copytree(tiny_model, adapter)
    (adapter / "config.json").unlink()
    config: dict[str, Any] = {"base_model_name_or_path": "somebody/model"}
    (adapter / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match="is for 'somebody/model', which is no folder"):
        check_pair(tiny_model, adapter)
    with pytest.raises(ModelError, match="is an adapter and no base model"):
        check_pair(adapter, tiny_model)


def test_labels() -> None:
    assert [interpolation_label(a) for a in (0.5, 0.25, 1.0, 0.125)] == [
        "wise-0.50",
        "wise-0.25",
        "wise-1.00",
        "wise-0.125",
    ]
