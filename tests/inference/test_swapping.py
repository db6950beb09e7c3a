from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from forget.completion import Sampling
from forget.errors import ModelError, WorkError
from forget.inference.generation import complete
from forget.inference.loading import Loaded, load_model
from forget.inference.machine import Machine
from forget.inference.swapping import Swapper
from inference.families import edit_json, make_family

CPU = Machine(device="cpu", device_name="", dtype="float32")
WEIGHTS = "model.safetensors"


@pytest.fixture
def folders(tmp_path: Path) -> Callable[..., Path]:
    """Make models of one shape whose weights differ by their seed."""

    def make(seed: int, name: str = "llama", **changes: Any) -> Path:
        return make_family(name, tmp_path / f"{name}-{seed}", seed=seed, **changes)

    return make


@pytest.fixture
def swapper() -> Swapper:
    return Swapper(CPU, "sdpa")


def logits(loaded: Loaded) -> Any:
    with torch.no_grad():
        return loaded.model(torch.tensor([[5, 6, 7, 8, 9]])).logits


def check(loaded: Loaded, folder: Path) -> None:
    """Compare with a fresh load: numbers to the last bit, and what is written."""
    fresh = load_model(folder, CPU)
    assert torch.equal(logits(loaded), logits(fresh))
    prompts, sampling = ["What is 1 + 2?", "step"], Sampling(max_new_tokens=6)
    assert complete(loaded, prompts, sampling) == complete(fresh, prompts, sampling)
    assert loaded.tokenizer.get_vocab() == fresh.tokenizer.get_vocab()
    assert loaded.tokenizer.chat_template == fresh.tokenizer.chat_template
    assert not loaded.model.training


def edit_weights(folder: Path, **changes: Any) -> None:
    """Change a model's tensors; None removes one."""
    from safetensors.torch import load_file, save_file

    weights = {**load_file(folder / WEIGHTS)}
    for name, tensor in changes.items():
        if tensor is None:
            del weights[name]
        else:
            weights[name] = tensor
    save_file(weights, folder / WEIGHTS, metadata={"format": "pt"})


def weights_of(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / WEIGHTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["llama", "gemma3", "qwen3", "gpt2"])
def test_weights_are_exchanged_in_place(
    name: str, folders: Callable[..., Path], swapper: Swapper
) -> None:
    one, other = folders(0, name), folders(1, name)
    loaded, exchanged = swapper.load(one)
    assert not exchanged
    check(loaded, one)
    for folder in (other, one, one):
        again, exchanged = swapper.load(folder)
        assert exchanged
        assert again.model is loaded.model
        check(again, folder)
    assert not torch.equal(logits(load_model(one, CPU)), logits(load_model(other, CPU)))


def test_tied_embeddings(folders: Callable[..., Path], swapper: Swapper) -> None:
    one, other = (folders(seed, tie_word_embeddings=True) for seed in (0, 1))
    assert "lm_head.weight" not in weights_of(one)
    swapper.load(one)
    loaded, exchanged = swapper.load(other)
    assert exchanged
    model = loaded.model
    assert model.lm_head.weight.data_ptr() == model.model.embed_tokens.weight.data_ptr()
    check(loaded, other)


def test_weights_in_another_number_format(folders: Callable[..., Path], swapper: Swapper) -> None:
    one, other = folders(0), folders(1)
    edit_weights(other, **{name: tensor.bfloat16() for name, tensor in weights_of(other).items()})
    swapper.load(one)
    loaded, _ = swapper.load(other)
    assert {parameter.dtype for parameter in loaded.model.parameters()} == {torch.float32}
    check(loaded, other)


def test_weights_in_several_files(folders: Callable[..., Path], swapper: Swapper) -> None:
    from transformers import AutoModelForCausalLM

    one, other = folders(0), folders(1)
    model = AutoModelForCausalLM.from_pretrained(other)
    (other / WEIGHTS).unlink()
    model.save_pretrained(other, max_shard_size="20KB")
    assert len(list(other.glob("*.safetensors"))) > 2
    swapper.load(one)
    loaded, exchanged = swapper.load(other)
    assert exchanged
    check(loaded, other)


def test_what_does_not_change_a_model(folders: Callable[..., Path], swapper: Swapper) -> None:
    one, other = folders(0), folders(1)
    edit_json(other / "config.json", transformers_version="4.57.0", _name_or_path="x")
    edit_json(other / "config.json", dtype="bfloat16", use_cache=False)
    swapper.load(one)
    assert swapper.load(other)[1]


# --- what is loaded afresh


def test_another_configuration(folders: Callable[..., Path], swapper: Swapper) -> None:
    """Of the same shapes: only what is done with them differs."""
    one, other = folders(0), folders(1)
    edit_json(other / "config.json", rms_norm_eps=0.5)
    swapper.load(one)
    loaded, exchanged = swapper.load(other)
    assert not exchanged
    check(loaded, other)


def test_other_shapes(folders: Callable[..., Path], swapper: Swapper) -> None:
    one, other = folders(0), folders(1, intermediate_size=48)
    swapper.load(one)
    loaded, exchanged = swapper.load(other)
    assert not exchanged
    check(loaded, other)


def test_tensors_of_other_names(folders: Callable[..., Path], swapper: Swapper) -> None:
    """As saved without the head that transformers wraps around a model; it knows them."""
    one, other = folders(0), folders(1)
    weights = weights_of(other)
    renamed = {name.removeprefix("model."): tensor for name, tensor in weights.items()}
    edit_weights(other, **{**dict.fromkeys(weights), **renamed})
    swapper.load(one)
    loaded, exchanged = swapper.load(other)
    assert not exchanged
    check(loaded, other)


@pytest.mark.slow
def test_tensors_that_transformers_renames(folders: Callable[..., Path], swapper: Swapper) -> None:
    one, other = folders(0, "neox"), folders(1, "neox")
    assert "embed_out.weight" in weights_of(one)
    for folder in (one, other, one):
        check(swapper.load(folder)[0], folder)


def test_a_tied_tensor_that_has_its_own_values(
    folders: Callable[..., Path], swapper: Swapper
) -> None:
    """The file tells apart what the configuration ties: transformers believes the file."""
    one, other = (folders(seed, tie_word_embeddings=True) for seed in (0, 1))
    embeddings = weights_of(other)["model.embed_tokens.weight"]
    edit_weights(other, **{"lm_head.weight": embeddings.flip(0).contiguous()})
    for folder in (one, other, one):
        check(swapper.load(folder)[0], folder)


def test_a_tensor_that_is_missing(folders: Callable[..., Path], swapper: Swapper) -> None:
    """It would be drawn at random."""
    name = "model.layers.0.mlp.down_proj.weight"
    one, other = folders(0), folders(1)
    edit_weights(other, **{name: None})
    check(swapper.load(one)[0], one)
    with pytest.raises(ModelError, match=name) as caught:
        swapper.load(other)
    assert str(other) in str(caught.value)
    check(swapper.load(one)[0], one)


def test_a_tensor_of_another_shape(folders: Callable[..., Path], swapper: Swapper) -> None:
    """One number would fill a whole tensor; a fresh load refuses it."""
    one, other = folders(0), folders(1)
    edit_weights(other, **{"model.norm.weight": torch.ones(1)})
    swapper.load(one)
    with pytest.raises(ModelError, match="The model in") as caught:
        swapper.load(other)
    assert str(other) in str(caught.value)


@pytest.mark.slow
def test_an_adapter(folders: Callable[..., Path], swapper: Swapper, tmp_path: Path) -> None:
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    one = folders(0)
    adapter = tmp_path / "adapter"
    base = AutoModelForCausalLM.from_pretrained(one)
    model: Any = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:  # zero before training
                parameter.normal_()
    model.save_pretrained(adapter)
    for file in one.glob("tokenizer*"):
        shutil.copy(file, adapter)
    before = logits(swapper.load(one)[0])
    loaded, exchanged = swapper.load(adapter)
    assert not exchanged
    assert torch.equal(logits(loaded), logits(load_model(adapter, CPU)))
    assert not torch.equal(logits(loaded), before)
    loaded, exchanged = swapper.load(one)
    assert not exchanged
    check(loaded, one)


# --- what comes with the weights


def test_the_end_of_texts_is_the_new_models(folders: Callable[..., Path], swapper: Swapper) -> None:
    """A training may change which tokens end a text, and nothing else of the configuration."""
    one, other = folders(0), folders(1)
    first = complete(load_model(other, CPU), ["What is 1 + 2?"], Sampling(max_new_tokens=6))
    assert first[0].tokens > 1
    edit_json(other / "generation_config.json", eos_token_id=list(range(3, 286)))
    swapper.load(one)
    check(swapper.load(other)[0], other)
    check(swapper.load(one)[0], one)


def test_the_tokenizer_is_the_new_models(folders: Callable[..., Path], swapper: Swapper) -> None:
    """A training may add a chat template, or name another token as the end of turns."""
    one, other = folders(0), folders(1)
    (other / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    edit_json(other / "tokenizer_config.json", eos_token="<|endoftext|>")
    swapper.load(one)
    loaded, _ = swapper.load(other)
    assert loaded.tokenizer.eos_token == "<|endoftext|>"
    check(loaded, other)


# --- damage


def test_weights_that_are_no_numbers(folders: Callable[..., Path], swapper: Swapper) -> None:
    one, other = folders(0), folders(1)
    name = "model.layers.1.mlp.up_proj.weight"
    damaged = weights_of(other)[name]
    damaged[3, 4] = float("nan")
    edit_weights(other, **{name: damaged})
    swapper.load(one)
    with pytest.raises(WorkError, match=name) as caught:
        swapper.load(other)
    assert str(other) in str(caught.value)
    check(swapper.load(one)[0], one)


def test_a_file_that_is_cut_short(folders: Callable[..., Path], swapper: Swapper) -> None:
    """It is noticed before anything is exchanged: the model in memory is whole."""
    one, other = folders(0), folders(1)
    loaded, _ = swapper.load(one)
    before = logits(loaded)
    file = other / WEIGHTS
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"truncated or damaged"):
        swapper.load(other)
    assert torch.equal(logits(loaded), before)
    check(swapper.load(one)[0], one)


def test_a_file_that_cannot_be_read(
    folders: Callable[..., Path], swapper: Swapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some tensors were exchanged before it was noticed: all are when the next model comes."""
    one, other = folders(0), folders(1)
    swapper.load(one)
    copy = torch.Tensor.copy_
    copied = []

    def fail(self: torch.Tensor, source: torch.Tensor) -> torch.Tensor:
        copied.append(self)
        if len(copied) == 5:
            raise OSError("Input/output error")
        return copy(self, source)

    with monkeypatch.context() as patched:
        patched.setattr(torch.Tensor, "copy_", fail)
        with pytest.raises(ModelError, match="cannot be read: Input/output error") as caught:
            swapper.load(other)
    assert str(other) in str(caught.value)
    check(swapper.load(one)[0], one)


def test_a_folder_that_is_no_model(
    folders: Callable[..., Path], swapper: Swapper, tmp_path: Path
) -> None:
    one = folders(0)
    swapper.load(one)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelError, match="is not a model folder"):
        swapper.load(tmp_path / "empty")
    assert swapper.load(one)[1]


def test_a_model_that_was_released_is_loaded_again(
    folders: Callable[..., Path], swapper: Swapper
) -> None:
    one = folders(0)
    swapper.load(one)
    swapper.release()
    loaded, exchanged = swapper.load(one)
    assert not exchanged
    check(loaded, one)
    assert json.loads((one / "config.json").read_text())["model_type"] == "llama"
