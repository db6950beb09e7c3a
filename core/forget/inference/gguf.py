"""GGUF weights (as packages carry them) written once as an ordinary safetensors folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from forget.inference.gguf_tokenizer import read_tokenizer
from forget.progress import Progress
from forget.store.atomic import staged_folder
from forget.store.manifest import seal

__all__ = ["convert_gguf"]


def convert_gguf(file: Path, folder: Path, progress: Progress) -> None:
    """Dequantise a GGUF file to fp32 and save model, tokenizer and chat template to `folder`.

    A model read from GGUF refuses `save_pretrained` while its configuration carries GGUF's
    quantisation, although its weights are plain tensors by then: so the saved one has none.
    """
    import torch
    from transformers import AutoModelForCausalLM

    with progress.task(f"converting {file.stem}", None), staged_folder(folder) as staging:
        tokenizer = read_tokenizer(file)
        model = AutoModelForCausalLM.from_pretrained(
            file.parent, gguf_file=file.name, dtype=torch.float32
        )
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        plain = type(model)(model.config)
        plain.load_state_dict(model.state_dict())
        if model.generation_config is not None:
            plain.generation_config = model.generation_config
        _name_special_tokens(tokenizer, model.config)
        plain.save_pretrained(staging)
        tokenizer.save_pretrained(staging)
        seal(staging, "model", {"source": file.name})


def _name_special_tokens(tokenizer: Any, config: Any) -> None:
    """Take the end of a turn from the model: GGUF's tokenizer may name another token, or none.

    Padding takes the same token, as instruction-tuned models commonly do; it is masked anyway.
    """
    if config.eos_token_id is not None:
        tokenizer.eos_token = tokenizer.convert_ids_to_tokens(config.eos_token_id)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
