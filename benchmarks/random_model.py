"""A model of a given shape with random weights: enough to measure speed where none can be fetched.

    python benchmarks/random_model.py FOLDER [--like qwen3-1.7b] [--tokenizer smollm2-135m]
    python benchmarks/engine.py --data MIRROR --model FOLDER --dtype bfloat16 --items 0 \\
        --new-tokens 1280 --stock ""

The second command measures a whole checkpoint on core10: all items, texts of full length.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

_SHAPES: dict[str, dict[str, Any]] = {
    "qwen3-1.7b": {"hidden_size": 2048, "intermediate_size": 6144, "num_hidden_layers": 28,
                   "num_attention_heads": 16, "tie_word_embeddings": True},
    "qwen3-4b": {"hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36,
                 "num_attention_heads": 32, "tie_word_embeddings": True},
}  # fmt: skip
"""What the published configurations say beyond 8 key heads of 128 and 151,936 tokens."""


@click.command(help=__doc__)
@click.argument("folder", type=click.Path(path_type=Path))
@click.option("--like", type=click.Choice(list(_SHAPES)), default="qwen3-1.7b", show_default=True)
@click.option("--tokenizer", default="smollm2-135m", show_default=True)
def main(folder: Path, like: str, tokenizer: str) -> None:
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    from forget.catalogue import load_catalogue
    from forget.inference.loading import load_tokenizer
    from forget.inference.models import find_model, obtain_model
    from forget.progress import Silent

    found = obtain_model(find_model(tokenizer, load_catalogue()), Silent()).folder
    assert found is not None
    texts = load_tokenizer(found)
    config = Qwen3Config(
        **_SHAPES[like],
        num_key_value_heads=8,
        head_dim=128,
        vocab_size=151_936,
        max_position_embeddings=40_960,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        bos_token_id=None,
        eos_token_id=texts.eos_token_id,
        pad_token_id=texts.pad_token_id,
        dtype="bfloat16",
    )
    torch.manual_seed(0)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        model = Qwen3ForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    texts.save_pretrained(folder)
    click.echo(f"{folder}: {sum(p.numel() for p in model.parameters()):,} weights")


if __name__ == "__main__":
    main()
