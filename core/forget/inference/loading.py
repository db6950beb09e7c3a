"""Reads a model folder into memory: full models and LoRA adapters alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import ModelError
from forget.inference.machine import Machine
from forget.inference.weights import adapter_base, check_model_folder

__all__ = ["ATTENTION", "Loaded", "load_model", "load_tokenizer"]

ATTENTION = "sdpa"
"""The attention implementation of every evaluation; part of the fingerprint."""


class Loaded(NamedTuple):
    """A model in memory, in evaluation mode, with its tokenizer."""

    model: Any
    tokenizer: Any


def load_tokenizer(folder: Path) -> Any:
    """Load the tokenizer of a model folder.

    Raises:
        ModelError: The tokenizer's files are damaged.
    """
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder)
    except Exception as error:  # tokenizers raises bare Exception
        raise ModelError(f"The tokenizer in {folder} cannot be loaded: {_short(error)}") from error


def load_model(folder: Path, machine: Machine) -> Loaded:
    """Load a model folder for inference; an adapter is merged into its base.

    Raises:
        ModelError: The folder is incomplete, or transformers cannot load it.
    """
    import torch
    from transformers import AutoModelForCausalLM

    check_model_folder(folder)
    base = adapter_base(folder)
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(
            base or folder,
            dtype=getattr(torch, machine.dtype),
            attn_implementation=ATTENTION,
            use_safetensors=True,
        )
        if base is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, folder).merge_and_unload()
    except Exception as error:  # transformers and safetensors raise many kinds
        raise ModelError(f"The model in {folder} cannot be loaded: {_short(error)}") from error
    return Loaded(model.to(machine.device).eval(), load_tokenizer(folder))


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
