from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from forget.errors import UnsupportedModelError
from forget.inference import support
from forget.inference.attention import NAME, register
from forget.inference.loading import load_model
from forget.inference.machine import Machine
from forget.inference.support import try_out, unsupported
from inference.families import make_family

CPU = Machine(device="cpu", device_name="", dtype="float32")


def reason(folder: Path, **config: Any) -> str | None:
    (folder / "config.json").write_text(json.dumps(config))
    return unsupported(folder)


# --- by the configuration


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"model_type": "t5", "is_encoder_decoder": True}, "encoder-decoder"),
        ({"model_type": "gemma2", "attn_logit_softcapping": 50.0}, "attn_logit_softcapping"),
        ({"model_type": "bloom"}, "ALiBi"),
        ({"model_type": "mpt"}, "ALiBi"),
        ({"model_type": "falcon", "alibi": True}, "ALiBi"),
        ({"model_type": "llama", "rope_scaling": {"type": "dynamic", "factor": 2}}, "dynamic"),
        ({"model_type": "llama", "rope_scaling": {"rope_type": "dynamic"}}, "dynamic"),
        ({"model_type": "llama", "rope_parameters": {"rope_type": "dynamic"}}, "dynamic"),
        ({"model_type": "phi3", "rope_scaling": {"type": "longrope"}}, "longest input"),
        ({"model_type": "phi3", "rope_scaling": {"type": "su"}}, "longest input"),
        (
            {
                "model_type": "gemma3_text",
                "rope_parameters": {
                    "sliding_attention": {"rope_type": "default"},
                    "full_attention": {"rope_type": "dynamic"},
                },
            },
            "dynamic",
        ),
        ({"model_type": "x", "text_config": {"attn_logit_softcapping": 50.0}}, "softcapping"),
        ({"model_type": "x", "text_config": {"rope_scaling": {"type": "dynamic"}}}, "dynamic"),
    ],
)
def test_what_a_configuration_rules_out(tmp_path: Path, config: dict[str, Any], said: str) -> None:
    found = reason(tmp_path, **config)
    assert found is not None
    assert said in found


@pytest.mark.parametrize(
    "config",
    [
        {"model_type": "llama"},
        {"model_type": "gemma2", "attn_logit_softcapping": None},
        {"model_type": "gemma2", "attn_logit_softcapping": None, "final_logit_softcapping": 30.0},
        {"model_type": "falcon", "alibi": False},
        {"model_type": "llama", "rope_scaling": None},
        {"model_type": "llama", "rope_scaling": {"rope_type": "llama3", "factor": 8.0}},
        {"model_type": "qwen2", "rope_scaling": {"type": "yarn", "factor": 4.0}},
        {"model_type": "mistral", "sliding_window": 4096},
        {"model_type": "gemma3", "text_config": {"sliding_window": 512}},
    ],
    ids=str,
)
def test_what_a_configuration_does_not_rule_out(tmp_path: Path, config: dict[str, Any]) -> None:
    assert reason(tmp_path, **config) is None


def test_a_folder_without_a_configuration(tmp_path: Path) -> None:
    assert unsupported(tmp_path) is None


# --- by trying


@pytest.fixture
def tried(tmp_path: Path) -> Callable[..., Any]:
    """Make a model, load it with our attention and try it out."""
    register()

    def make(name: str, machine: Machine = CPU, **changes: Any) -> Any:
        model = load_model(make_family(name, tmp_path / name, **changes), machine, NAME).model
        try_out(model)
        return model

    return make


def refused(tried: Callable[..., Any], name: str, **changes: Any) -> str:
    with pytest.raises(UnsupportedModelError) as caught:
        tried(name, **changes)
    message = str(caught.value)
    assert "The built-in engine cannot run " in message
    assert message.endswith("Evaluate it with --engine stock.")
    assert "\n" not in message
    return message


ACCEPTED: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("llama", {}),
    "llama, tied": ("llama", {"tie_word_embeddings": True}),
    "qwen3": ("qwen3", {}),
    "gemma": ("gemma", {}),
    "gemma2 without caps": ("gemma2", {"attn_logit_softcapping": None}),
    "gemma3, a short window": ("gemma3", {"sliding_window": 4}),
    "gemma3": ("gemma3", {}),
    "neox": ("neox", {}),
    "gpt2": ("gpt2", {}),
    "opt": ("opt", {}),
    "mistral, a short window": ("mistral", {"sliding_window": 5}),
    "cohere": ("cohere", {}),
    "granite": ("granite", {}),
}


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes"), ACCEPTED.values(), ids=ACCEPTED)
def test_families_that_run(name: str, changes: dict[str, Any], tried: Callable[..., Any]) -> None:
    model = tried(name, **changes)
    assert model.config._attn_implementation == NAME  # and is left ready to run


def test_half_precision(tried: Callable[..., Any]) -> None:
    machine = Machine(device="cpu", device_name="", dtype="bfloat16")
    assert tried("llama", machine).dtype == torch.bfloat16
    with pytest.raises(UnsupportedModelError):
        tried("bloom", machine, hidden_size=64, initializer_range=1.0)


def test_a_family_whose_attention_is_not_ours(tried: Callable[..., Any]) -> None:
    message = refused(tried, "bloom")
    assert "BloomForCausalLM" in message
    assert "log-probabilities in scoring are off by" in message


def test_a_family_whose_attention_cannot_be_replaced(tried: Callable[..., Any]) -> None:
    assert "its attention cannot be replaced" in refused(tried, "gptj")


def test_a_family_without_attention(tried: Callable[..., Any]) -> None:
    message = refused(tried, "mamba")
    assert "MambaForCausalLM" in message
    assert "it cannot be run" in message


def test_a_family_whose_attention_does_more(tried: Callable[..., Any]) -> None:
    message = refused(tried, "gemma2", attn_logit_softcapping=50.0)
    assert "Gemma2ForCausalLM" in message
    assert "softcap" in message


@pytest.mark.slow
@pytest.mark.parametrize("window", [5, 16, 2047])
def test_a_window_that_layers_keep_to_themselves(window: int, tried: Callable[..., Any]) -> None:
    """They leave it to a mask, which our attention does not get: long texts would come out wrong.

    A text that is shorter than the window does not show it.
    """
    assert "PhimoeForCausalLM" in refused(tried, "phimoe", sliding_window=window)
    tried("phimoe", sliding_window=None)


@pytest.mark.parametrize("purpose", ["scoring", "generation"])
def test_a_single_token_that_is_off(
    purpose: str, tried: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both ways of running a model are compared, after each of the sequences."""
    name = {"scoring": "_scored", "generation": "_grown"}[purpose]
    run = getattr(support, name)
    model = tried("llama")
    for place in range(4):
        with monkeypatch.context() as patched:

            def shifted(*arguments: Any, place: int = place) -> list[torch.Tensor]:
                logits: list[torch.Tensor] = run(*arguments)
                logits[place] = logits[place].clone()
                logits[place][7] += 0.01
                return logits

            patched.setattr(support, name, shifted)
            with pytest.raises(UnsupportedModelError, match=f"in {purpose} are off by 0.01"):
                try_out(model)


def test_numbers_that_are_none(tried: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    model = tried("llama")
    run = support._scored
    monkeypatch.setattr(support, "_scored", lambda *a: [row * float("nan") for row in run(*a)])
    with pytest.raises(UnsupportedModelError, match="off by nan"):
        try_out(model)
