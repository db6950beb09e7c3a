"""Completions of many prompts at once, by a loop of our own that drops finished ones on the way.

Each prompt's completion is a function of prompt, sampling and seed; what else is in the batch
changes it no more than rounding does. Legend: B prompts, T tokens so far, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from forget.inference.attention import attending
from forget.inference.column_attention import Columns
from forget.inference.sampling import Draw, draw_tokens
from forget.inference.scoring import final_logits
from forget.inference.writing import has_stop

if TYPE_CHECKING:
    import torch

__all__ = ["Limits", "Written", "decode"]

_STOP_MARGIN = 4
"""Tokens decoded beyond the longest stop text's bytes: the first may begin before it."""


@attrs.frozen(kw_only=True)
class Limits:
    """When a completion ends.

    Attributes:
        max_new_tokens: Longest completion [tokens], the ending token included.
        end_tokens: Token ids that end it.
        stops: Texts that end it; they may span tokens.
    """

    max_new_tokens: int
    end_tokens: frozenset[int]
    stops: tuple[str, ...] = ()


@attrs.frozen
class Written:
    """Tokens of one completion, the ending token not included.

    Attributes:
        tokens: Token ids.
        finished: An end token or a stop text ended it, not the length.
    """

    tokens: list[int]
    finished: bool


@attrs.define
class _Row:
    """A prompt whose completion is being written."""

    index: int
    draw: Draw
    tokens: list[int] = attrs.field(factory=list)


def decode(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[int]],
    draws: Sequence[Draw],
    limits: Limits,
) -> list[Written]:
    """Write one completion for each prompt.

    Args:
        model: A causal language model in evaluation mode, loaded with our attention.
        tokenizer: Its tokenizer, to look for stop texts.
        prompts: Token ids, each at least one.
        draws: How each prompt's tokens are drawn; the same number.
        limits: When completions end.
    """
    import torch

    columns = Columns([len(prompt) for prompt in prompts], model.device)
    active = [_Row(index, draw) for index, draw in enumerate(draws)]
    written: dict[int, Written] = {}
    with torch.inference_mode(), attending(columns):
        logits_BV = _step(model, columns, _left_padded(prompts, model.device))
        while active:
            chosen = draw_tokens(logits_BV, [(row.draw, len(row.tokens)) for row in active])
            going = []
            for place, (row, token) in enumerate(zip(active, chosen, strict=True)):
                done = _end(row, token, tokenizer, limits)
                if done is None:
                    going.append(place)
                else:
                    written[row.index] = done
            if len(going) < len(active):
                columns.keep(going)
                active = [active[place] for place in going]
            if active:
                newest = torch.tensor([[row.tokens[-1]] for row in active], device=model.device)
                logits_BV = _step(model, columns, newest)
    return [written[index] for index in range(len(prompts))]


def _step(model: Any, columns: Columns, ids_BT: torch.Tensor) -> torch.Tensor:
    """Run new tokens through the model; return the logits after the last of them, [B, V]."""
    positions = columns.extend(ids_BT.shape[1])
    output = model.base_model(input_ids=ids_BT, position_ids=positions, use_cache=False)
    return final_logits(model, output.last_hidden_state[:, -1])


def _end(row: _Row, token: int, tokenizer: Any, limits: Limits) -> Written | None:
    """Add a token to a completion; return the completion if that ended it."""
    if token in limits.end_tokens:
        return Written(row.tokens, finished=True)
    row.tokens.append(token)
    if limits.stops and _has_stop(row.tokens, tokenizer, limits.stops):
        return Written(row.tokens, finished=True)
    if len(row.tokens) >= limits.max_new_tokens:
        return Written(row.tokens, finished=False)
    return None


def _has_stop(tokens: Sequence[int], tokenizer: Any, stops: Sequence[str]) -> bool:
    """Look for a stop text that the newest token completed: a token has a byte at least."""
    longest = max(len(stop.encode()) for stop in stops)
    recent = tokens[-(longest + _STOP_MARGIN) :]
    return has_stop(tokenizer.decode(recent), stops)


def _left_padded(prompts: Sequence[Sequence[int]], device: torch.device) -> torch.Tensor:
    """Return token ids [B, T]; padding is never attended to, so any id serves."""
    import torch

    longest = max(map(len, prompts))
    return torch.tensor([[0] * (longest - len(p)) + list(p) for p in prompts], device=device)
