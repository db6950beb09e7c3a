"""The tokenizer in a GGUF file, also where transformers reads it as another kind than it is.

GGUF's "llama" stands for SentencePiece's byte-pair encoding: a score is the place of a merge.
transformers (5.17) reads Gemma's as a unigram model, whose scores are log-probabilities: every word
is split into its letters, and no text begins with the beginning-of-text token. The model then
writes nonsense, which is easily taken for the best that it can do.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["read_tokenizer"]

_NORMAL, _CONTROL, _USER_DEFINED, _UNUSED = 1, 3, 4, 5
"""GGUF's kinds of tokens that matter here (gguf.TokenType)."""


def read_tokenizer(file: Path) -> Any:
    """Return the tokenizer in a GGUF file."""
    from gguf import GGUFReader
    from transformers import AutoTokenizer

    fields = GGUFReader(file).fields
    architecture = str(fields["general.architecture"].contents())
    if architecture.startswith("gemma") and _value(fields, "model") == "llama":
        return _gemma(fields)
    return AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)


def _gemma(fields: Any) -> Any:
    from transformers import AddedToken, GemmaTokenizer
    from transformers.convert_slow_tokenizer import generate_merges

    tokens, kinds = _value(fields, "tokens"), _value(fields, "token_type")
    scores = dict(zip(tokens, _value(fields, "scores"), strict=True))
    # What is no word is matched as it stands, and takes no part in merges.
    others = {token for token, kind in zip(tokens, kinds, strict=True) if kind != _NORMAL}
    vocabulary = {token: number for number, token in enumerate(tokens)}
    special = {
        f"{name}_token": tokens[_value(fields, f"{key}_token_id")]
        for name, key in (("bos", "bos"), ("eos", "eos"), ("unk", "unknown"), ("pad", "padding"))
    }
    tokenizer = GemmaTokenizer(
        vocab=vocabulary,
        merges=generate_merges(vocabulary, scores, skip_tokens=others),
        add_bos_token=bool(_value(fields, "add_bos_token")),
        **special,
    )
    tokenizer.add_tokens(
        [
            AddedToken(token, special=kind != _USER_DEFINED, normalized=False)
            for token, kind in zip(tokens, kinds, strict=True)
            if kind in (_CONTROL, _USER_DEFINED, _UNUSED)
        ]
    )
    return tokenizer


def _value(fields: Any, name: str) -> Any:
    field = fields.get(f"tokenizer.ggml.{name}")
    return None if field is None else field.contents()
