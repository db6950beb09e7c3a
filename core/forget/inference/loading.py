"""Reads a model folder into memory: full models and LoRA adapters alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import ModelError, WorkError
from forget.inference.machine import Machine
from forget.inference.weights import adapter_base, check_model_folder

__all__ = ["ATTENTION", "Loaded", "check_finite", "load_model", "load_tokenizer"]

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
        WorkError: Its weights are not all numbers.
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
    model = model.to(machine.device).eval()
    check_finite(model, folder)
    return Loaded(model, load_tokenizer(folder))


def check_finite(model: Any, folder: Path) -> None:
    """Refuse weights that are no numbers: texts written with them look like texts.

    Raises:
        WorkError: A tensor holds NaN or infinity; the message names it.
    """
    import torch

    for name, tensor in model.state_dict().items():
        # The sum is not finite if a number is not; only then are they looked at one by one.
        if tensor.is_floating_point() and not torch.isfinite(tensor.sum(dtype=torch.float32)):
            bad = int((~torch.isfinite(tensor)).sum())
            if bad:
                raise WorkError(
                    f"The model in {folder} has {bad:,} weights in {name} that are no numbers: the "
                    "training diverged, or the file is damaged. Leave this checkpoint out."
                )


def _short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
