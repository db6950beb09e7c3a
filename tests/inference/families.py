"""Tiny models of several families, with weights so large that all of a text counts."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from tiny_models import make_tokenizer

__all__ = ["WINDOW", "begin_texts_with", "edit_json", "make_family"]

WINDOW = 16
"""How far back the layers with a sliding window see [tokens]."""

_SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "bos_token_id": None,
}
_WIDE = {**_SIZES, "intermediate_size": 64}
_SHARED = {**_WIDE, "num_key_value_heads": 2}
_GPT = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512}

_FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", _SHARED),
    "qwen3": ("Qwen3Config", {**_SHARED, "head_dim": 8}),
    "mistral": ("MistralConfig", {**_SHARED, "sliding_window": WINDOW}),
    "gemma": ("GemmaConfig", {**_SHARED, "head_dim": 8}),
    "gemma2": ("Gemma2Config", {**_SHARED, "head_dim": 8, "sliding_window": WINDOW}),
    "gemma3": (
        "Gemma3TextConfig",
        {
            **_SHARED,
            "head_dim": 8,
            "sliding_window": WINDOW,
            "layer_types": ["sliding_attention", "full_attention"],
        },
    ),
    "cohere": ("CohereConfig", {**_SHARED, "logit_scale": 0.25}),
    "granite": ("GraniteConfig", {**_SHARED, "logits_scaling": 8.0}),
    "neox": ("GPTNeoXConfig", _WIDE),
    "gpt2": ("GPT2Config", _GPT),
    "gptj": ("GPTJConfig", {**_GPT, "rotary_dim": 4}),
    "opt": ("OPTConfig", {**_SIZES, "ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bloom": ("BloomConfig", {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
    "mamba": ("MambaConfig", {"hidden_size": 32, "num_hidden_layers": 2}),
    "phi": ("PhiConfig", _SHARED),
    "phimoe": ("PhimoeConfig", {**_SHARED, "num_local_experts": 4, "sliding_window": WINDOW}),
}


def make_family(name: str, folder: Path, *, seed: int = 0, **changes: Any) -> Path:
    """Write the folder of a random model.

    Args:
        name: A family.
        folder: Where to; what is there is replaced.
        seed: Seed of the weights.
        changes: Settings of its configuration.
    """
    import torch
    import transformers

    torch.set_num_threads(1)  # two threads on a busy machine wait for each other
    kind, sizes = _FAMILIES[name]
    tokenizer = make_tokenizer()
    ends = {"eos_token_id": tokenizer.eos_token_id, "pad_token_id": tokenizer.pad_token_id}
    settings = {"vocab_size": len(tokenizer), **ends, **sizes, **changes}
    torch.manual_seed(seed)
    config = getattr(transformers, kind)(**settings)
    model = transformers.AutoModelForCausalLM.from_config(config)
    with torch.no_grad():
        for parameter_name, parameter in model.named_parameters():
            embeds = any(part in parameter_name for part in ("emb", "wte", "wpe"))
            if parameter.ndim >= 2 and not embeds:
                parameter.mul_(8)
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def begin_texts_with(tokenizer: Any, token: str) -> Any:
    """Have a tokenizer add a token to the beginning of every text, as Llama's and Gemma's do."""
    from tokenizers.processors import TemplateProcessing

    number = tokenizer.convert_tokens_to_ids(token)
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{token} $A", pair=f"{token} $A $B", special_tokens=[(token, number)]
    )
    tokenizer.bos_token = token
    assert tokenizer("a")["input_ids"][0] == number
    return tokenizer


def edit_json(file: Path, **changes: Any) -> None:
    """Change keys of a JSON file; None removes one."""
    content = {**json.loads(file.read_text(encoding="utf-8")), **changes}
    kept = {key: value for key, value in content.items() if value is not None or key not in changes}
    file.write_text(json.dumps(kept), encoding="utf-8")
