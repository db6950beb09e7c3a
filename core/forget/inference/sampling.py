"""Drawing the next token: greedy, or from a distribution cut to its likely part.

Each draw has random numbers of its own, a function of seed, prompt and position, so a completion
does not depend on what else is drawn beside it or on where the work was resumed. Tokens are drawn
as the largest of logit plus Gumbel noise (Gumbel 1954; exact), so that rounding changes a draw only
where two sums are all but equal. Legend: B rows, V vocabulary, K tokens that may be drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from forget.completion import Sampling

if TYPE_CHECKING:
    import torch

__all__ = ["Draw", "draw_tokens", "gumbel", "stream"]

_LIKELY = 1024
"""Tokens that are sorted at first to find a nucleus: it is seldom larger."""

# splitmix64's constants (Steele, Lea and Flood 2014; Vigna's splitmix64.c) as signed numbers.
_STEP = 0x9E3779B97F4A7C15 - 2**64
_FIRST = (30, 0xBF58476D1CE4E5B9 - 2**64)
_SECOND = (27, 0x94D049BB133111EB - 2**64)
_LAST = 31


@attrs.frozen
class Draw:
    """How the tokens of one completion are drawn.

    Attributes:
        sampling: Temperature, nucleus mass and number of tokens kept.
        name: What tells the completion from all others: its prompt and sample.
    """

    sampling: Sampling
    name: str


def stream(seed: int, name: str, position: int) -> int:
    """Return the 64 bits, signed, that a draw's random numbers begin with."""
    digest = hashlib.sha256(f"{seed}/{name}/{position}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def gumbel(streams: Sequence[int], size: int, device: torch.device | str = "cpu") -> torch.Tensor:
    """Return standard Gumbel noise, fp32 [B, size]: on every device the same up to rounding.

    Args:
        streams: What each row's random numbers begin with; see `stream`.
        size: Random numbers of a row.
        device: Where they are wanted.
    """
    import torch

    places_V = torch.arange(1, size + 1, device=device) * _STEP
    bits_BV = torch.tensor(streams, device=device)[:, None] + places_V
    for shift, factor in (_FIRST, _SECOND):
        bits_BV = (bits_BV ^ _shifted(bits_BV, shift)) * factor
    bits_BV = bits_BV ^ _shifted(bits_BV, _LAST)
    # Small numbers, which decide, keep all their digits; neither end gives an infinity.
    uniform_BV = (_shifted(bits_BV, 1).float() * 2.0**-63).clamp(2.0**-63, 1 - 2.0**-24)
    return -(-uniform_BV.neg().log1p()).log()


def draw_tokens(logits_BV: torch.Tensor, draws: Sequence[tuple[Draw, int]]) -> list[int]:
    """Choose the next token of each row.

    Args:
        logits_BV: fp32 logits, [B, V].
        draws: For each row how to draw, and how many tokens it has already.
    """
    chosen: list[int] = logits_BV.argmax(-1).tolist()
    alike: dict[tuple[float, float, int], list[int]] = {}
    for row, (draw, _) in enumerate(draws):
        if draw.sampling.temperature != 0:
            key = (draw.sampling.temperature, draw.sampling.top_p, draw.sampling.top_k)
            alike.setdefault(key, []).append(row)
    for rows in alike.values():
        part_BV = logits_BV if len(rows) == len(draws) else logits_BV[rows]
        found = _draw(part_BV, [draws[row] for row in rows])
        for row, token in zip(rows, found, strict=True):
            chosen[row] = token
    return chosen


def _draw(logits_BV: torch.Tensor, draws: Sequence[tuple[Draw, int]]) -> list[int]:
    """Draw for rows that are drawn alike."""
    sampling = draws[0][0].sampling
    scaled_BV = logits_BV / sampling.temperature
    streams = [stream(draw.sampling.seed, draw.name, position) for draw, position in draws]
    noise_BV = gumbel(streams, scaled_BV.shape[1], scaled_BV.device)
    if sampling.top_k == 0 and sampling.top_p >= 1:
        plain: list[int] = (scaled_BV + noise_BV).argmax(-1).tolist()
        return plain
    kept_BK, tokens_BK = _kept(scaled_BV, sampling)
    best_B1 = (kept_BK + noise_BV.gather(1, tokens_BK)).argmax(-1, keepdim=True)
    chosen: list[int] = tokens_BK.gather(1, best_B1)[:, 0].tolist()
    return chosen


def _kept(scaled_BV: torch.Tensor, sampling: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Return logits and tokens of the likeliest, [B, K]; -inf for those outside of the nucleus."""
    vocabulary = scaled_BV.shape[1]
    if sampling.top_k:
        ordered_BK, tokens_BK = scaled_BV.topk(min(sampling.top_k, vocabulary))
        log_z_B1 = ordered_BK.logsumexp(-1, keepdim=True)
    else:
        ordered_BK, tokens_BK = scaled_BV.topk(min(_LIKELY, vocabulary))
        log_z_B1 = scaled_BV.logsumexp(-1, keepdim=True)
    mass_BK = (ordered_BK - log_z_B1).exp().cumsum(-1)
    if not sampling.top_k and bool((mass_BK[:, -1] < sampling.top_p).any()):
        ordered_BK, tokens_BK = scaled_BV.sort(descending=True, stable=True)
        mass_BK = (ordered_BK - log_z_B1).exp().cumsum(-1)
    # As few tokens as reach the mass, the one that crosses it included.
    before_BK = mass_BK.roll(1, -1)
    before_BK[:, 0] = 0
    return ordered_BK.masked_fill(before_BK >= sampling.top_p, float("-inf")), tokens_BK


def _shifted(bits: torch.Tensor, count: int) -> torch.Tensor:
    """Shift to the right as if without a sign."""
    return (bits >> count) & ((1 << (64 - count)) - 1)
