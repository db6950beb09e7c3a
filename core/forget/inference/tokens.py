"""Texts as the token ids a model reads, split and cut exactly as lm-eval's ``hf`` model does it.

Sources, lm-eval 0.4.13: ``TemplateLM.loglikelihood`` and ``_encode_pair`` (lm_eval/api/model.py),
``HFLM.tok_encode``, ``tok_batch_encode`` and ``_loglikelihood_tokens`` (models/huggingface.py),
``resolve_max_length`` (models/utils.py). Texts are tokenised in bulk here, which changes nothing.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.errors import DataError
from forget.inference.engine import Score
from forget.inference.weights import adapter_base

__all__ = ["EncodedScore", "context_window", "encode_prompts", "encode_scores"]

_DEFAULT_WINDOW = 2048
_UNSET = 1_000_000_000_000
"""Tokenizers without a limit say a number beyond this."""


@attrs.frozen
class EncodedScore:
    """A request for a log-likelihood in tokens.

    Attributes:
        tokens: What the model reads: context and continuation without its last token.
        targets: The continuation's tokens: predicted from the last ``len(targets)`` positions.
        dropped: Tokens cut off on the left, because the context window holds no more.
    """

    tokens: Sequence[int]
    targets: Sequence[int]
    dropped: int


def context_window(folder: Path, tokenizer: Any) -> int:
    """Return the longest input of a model folder [tokens], as lm-eval finds it."""
    from transformers import AutoConfig

    # Not from the file itself: families have defaults and names of their own.
    config = AutoConfig.from_pretrained(_base(folder))
    config = getattr(config, "text_config", None) or config
    for name in ("n_positions", "max_position_embeddings", "n_ctx"):
        value = getattr(config, name, None)
        if value is not None:
            return int(value)
    limit = getattr(tokenizer, "model_max_length", _UNSET)
    return _DEFAULT_WINDOW if limit > _UNSET else int(limit)


def encode_scores(tokenizer: Any, requests: Sequence[Score], window: int) -> list[EncodedScore]:
    """Tokenise requests for log-likelihoods.

    Trailing spaces of a context move to its continuation; the two are tokenised together and split
    at the length of the context's own tokens. An empty context is the beginning-of-text token. What
    does not fit is cut off on the left.

    Args:
        tokenizer: The model's tokenizer.
        requests: What to score.
        window: Longest input of the model [tokens].

    Raises:
        DataError: A continuation is empty, or longer than the window.
    """
    pairs = [_moved_spaces(request.context, request.continuation) for request in requests]
    whole = _encode(tokenizer, [context + continuation for context, continuation in pairs])
    contexts = _encode(tokenizer, [context for context, _ in pairs])
    alone = _encode(tokenizer, [r.continuation for r in requests if not r.context], special=False)
    encoded = []
    for request, (context, continuation) in zip(requests, pairs, strict=True):
        if request.context:
            head = contexts[context]
            tail = whole[context + continuation][len(head) :]
        else:
            head, tail = [], alone[request.continuation]
        if not head:  # nothing to condition on but the beginning of a text
            head, tail = _from_the_beginning(tokenizer, tail)
        encoded.append(_fitted(request, head, tail, window))
    return encoded


def encode_prompts(
    tokenizer: Any, prompts: Sequence[str], room: int | None, *, special: bool
) -> list[tuple[int, ...]]:
    """Tokenise prompts to be continued, keeping the last tokens of each.

    Args:
        tokenizer: The model's tokenizer.
        prompts: The texts.
        room: Most tokens of a prompt; None keeps all.
        special: Let the tokenizer add its special tokens, as lm-eval does; rendered chat prompts
            carry theirs already.
    """
    ids = _encode(tokenizer, prompts) if special else _encode(tokenizer, prompts, special=False)
    return [tuple(ids[prompt][-room if room else 0 :]) for prompt in prompts]


def _base(folder: Path) -> str | Path:
    """Return where the configuration is: an adapter's is its base model's."""
    return folder if (folder / "config.json").is_file() else adapter_base(folder) or folder


def _moved_spaces(context: str, continuation: str) -> tuple[str, str]:
    stripped = context.rstrip()
    return stripped, context[len(stripped) :] + continuation


def _from_the_beginning(tokenizer: Any, ids: list[int]) -> tuple[list[int], list[int]]:
    prefix = tokenizer.bos_token_id
    prefix = tokenizer.eos_token_id if prefix is None else prefix
    if ids and ids[0] == prefix:
        return ids[:1], ids[1:]
    return [prefix], ids


def _fitted(
    request: Score, context: Sequence[int], targets: Sequence[int], window: int
) -> EncodedScore:
    if not targets:
        raise DataError(
            f"A benchmark asks for the log-likelihood of an empty continuation "
            f"({request.continuation!r}) after {request.context[-60:]!r}: no token to score."
        )
    if len(targets) > window:
        raise DataError(
            f"A continuation of {len(targets)} tokens ({request.continuation[:60]!r} ...) is "
            f"longer than the model's context window of {window} tokens."
        )
    ids = [*context, *targets]
    dropped = max(0, len(ids) - (window + 1))
    # Arrays: a whole suite has 13 million tokens, which as Python numbers take half a gigabyte.
    return EncodedScore(array("i", ids[dropped:-1]), array("i", targets), dropped)


def _encode(
    tokenizer: Any, texts: Iterable[str], *, special: bool | None = None
) -> dict[str, list[int]]:
    """Tokenise distinct texts; those that begin with the beginning-of-text token get no second."""
    distinct = list(dict.fromkeys(texts))
    begin = tokenizer.bos_token if tokenizer.bos_token is not None else tokenizer.eos_token
    groups: dict[bool | None, list[str]] = {}
    for text in distinct:
        has_begin = special is None and begin is not None and text.startswith(begin)
        groups.setdefault(False if has_begin else special, []).append(text)
    encoded: dict[str, list[int]] = {}
    for adds, group in groups.items():
        options = {} if adds is None else {"add_special_tokens": adds}
        encoded.update(zip(group, tokenizer(group, **options)["input_ids"], strict=True))
    return encoded
