"""Reads a model folder into memory: full models and LoRA adapters alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import ModelError, UnsupportedModelError, WorkError
from forget.inference.machine import Machine
from forget.inference.memory import memory_for
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


def load_model(folder: Path, machine: Machine, attention: str = ATTENTION) -> Loaded:
    """Load a model folder for inference; an adapter is merged into its base.

    Raises:
        ModelError: The folder is incomplete, or transformers cannot load it.
        UnsupportedModelError: It cannot use the attention asked for.
        WorkError: Its weights are not all numbers, or the memory does not hold them.
    """
    import torch
    from transformers import AutoModelForCausalLM

    check_model_folder(folder)
    base = adapter_base(folder)
    try:
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            base or folder,
            dtype=getattr(torch, machine.dtype),
            attn_implementation=attention,
            use_safetensors=True,
            output_loading_info=True,
        )
        model, info = loaded
        if base is not None:
            from peft import PeftModel

            model = PeftModel.from_pretrained(model, folder).merge_and_unload()
    except Exception as error:  # transformers and safetensors raise many kinds
        if isinstance(error, KeyError) and error.args == (attention,):
            raise UnsupportedModelError(
                f"The built-in engine cannot run the model in {folder}: its attention cannot be "
                "replaced. Evaluate it with --engine stock."
            ) from error
        raise ModelError(f"The model in {folder} cannot be loaded: {_short(error)}") from error
    if info["missing_keys"]:
        missing = ", ".join(sorted(info["missing_keys"])[:5])
        raise ModelError(
            f"The model in {base or folder} lacks weights, which would be drawn at random: "
            f"{missing}. Copy or save the checkpoint again."
        )
    with memory_for(f"to load the model in {folder}", "Free some, or take --device cpu."):
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
