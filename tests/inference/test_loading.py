from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Sampling
from forget.errors import ModelError, WorkError
from forget.inference.generation import complete
from forget.inference.loading import load_model, load_tokenizer
from forget.inference.machine import Machine

CPU = Machine(device="cpu", device_name="", dtype="float32")


def logits(model: Any) -> Any:
    import torch

    with torch.no_grad():
        return model(torch.tensor([[5, 6, 7, 8, 9]])).logits


@pytest.fixture(scope="module")
def adapter(lively_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A LoRA adapter that changes what the model says, as a training leaves it."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = tmp_path_factory.mktemp("adapter") / "step-000010"
    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(lively_model)
    model: Any = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj", "down_proj"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "lora_B" in name:  # zero before training
                parameter.normal_()
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(lively_model).save_pretrained(folder)
    return folder


@pytest.fixture
def copy(lively_model: Path, tmp_path: Path) -> Path:
    shutil.copytree(lively_model, tmp_path / "copy")
    return tmp_path / "copy"


def test_a_model_is_loaded_for_evaluation(lively_model: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    model, tokenizer = load_model(lively_model, CPU)
    assert not model.training
    assert model.dtype == torch.float32
    assert model.config._attn_implementation == "sdpa"
    assert torch.equal(logits(model), logits(AutoModelForCausalLM.from_pretrained(lively_model)))
    assert tokenizer.chat_template == load_tokenizer(lively_model).chat_template


def test_the_machines_number_format_is_used(lively_model: Path) -> None:
    import torch

    machine = Machine(device="cpu", device_name="", dtype="bfloat16")
    model, _ = load_model(lively_model, machine)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_an_adapter_is_merged_into_its_base(adapter: Path, lively_model: Path) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    merged, tokenizer = load_model(adapter, CPU)
    assert not [name for name, _ in merged.named_modules() if "lora" in name]
    assert not merged.training
    base = AutoModelForCausalLM.from_pretrained(lively_model)
    before = logits(base)
    beside = PeftModel.from_pretrained(base, adapter).eval()
    torch.testing.assert_close(logits(merged), logits(beside), rtol=1e-3, atol=1e-3)
    assert not torch.allclose(logits(merged), before, rtol=1e-1, atol=1e-1)
    assert len(tokenizer) == merged.config.vocab_size


def test_an_adapter_writes_what_its_merged_weights_write(adapter: Path, tmp_path: Path) -> None:
    loaded = load_model(adapter, CPU)
    loaded.model.save_pretrained(tmp_path / "merged")
    loaded.tokenizer.save_pretrained(tmp_path / "merged")
    prompts, sampling = ["What is 1 + 2?", "step"], Sampling(max_new_tokens=6)
    whole = load_model(tmp_path / "merged", CPU)
    assert complete(whole, prompts, sampling) == complete(loaded, prompts, sampling)


def test_an_adapter_without_its_base(adapter: Path, tmp_path: Path) -> None:
    folder = tmp_path / "orphan"
    shutil.copytree(adapter, folder)
    config = json.loads((folder / "adapter_config.json").read_text())
    config["base_model_name_or_path"] = str(tmp_path / "gone")
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError) as caught:
        load_model(folder, CPU)
    message = str(caught.value)
    assert f"The model in {folder} cannot be loaded" in message
    assert str(tmp_path / "gone") in message
    assert "\n" not in message


def test_weights_that_are_cut_short(copy: Path) -> None:
    weights = copy / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    with pytest.raises(ModelError, match=r"model\.safetensors is truncated or damaged"):
        load_model(copy, CPU)


def test_a_kind_of_model_that_transformers_does_not_know(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"model_type": "no_such_kind"}))
    with pytest.raises(ModelError, match="cannot be loaded: ValueError") as caught:
        load_model(copy, CPU)
    assert "\n" not in str(caught.value)


def test_weights_of_another_shape(copy: Path) -> None:
    config = json.loads((copy / "config.json").read_text())
    (copy / "config.json").write_text(json.dumps(config | {"intermediate_size": 65}))
    with pytest.raises(ModelError, match="cannot be loaded"):
        load_model(copy, CPU)


def test_a_tokenizer_that_is_damaged(copy: Path) -> None:
    (copy / "tokenizer.json").write_text('{"version": ')
    with pytest.raises(ModelError, match=f"The tokenizer in {copy} cannot be loaded"):
        load_tokenizer(copy)
    with pytest.raises(ModelError, match="The tokenizer in"):
        load_model(copy, CPU)


def test_a_device_without_room_for_it(lively_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    def no_room(*_: Any, **__: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    monkeypatch.setattr("transformers.PreTrainedModel.to", no_room)
    with pytest.raises(WorkError, match=r"to load the model in .* Free some, or take --device cpu"):
        load_model(lively_model, CPU)
