"""Drawing the next token: greedy, or from a distribution cut to its likely part.

Each draw has random numbers of its own, a function of seed, prompt and position, so a completion
does not depend on what else is drawn beside it or on where the work was resumed. Tokens are drawn
as the largest of logit plus Gumbel noise (Gumbel 1954; exact), so that rounding changes a draw only
where two sums are all but equal.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

import attrs

from forget.completion import Sampling

if TYPE_CHECKING:
    import torch

__all__ = ["Draw", "draw_tokens", "gumbel"]


@attrs.frozen
class Draw:
    """How the tokens of one completion are drawn.

    Attributes:
        sampling: Temperature, nucleus mass and number of tokens kept.
        name: What tells the completion from all others: its prompt and sample.
    """

    sampling: Sampling
    name: str


def gumbel(seed: int, name: str, position: int, size: int) -> torch.Tensor:
    """Return standard Gumbel noise [size], fp64 on the CPU: a function of the arguments alone."""
    import torch

    digest = hashlib.sha256(f"{seed}/{name}/{position}".encode()).digest()
    generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big", signed=True))
    exponential = torch.empty(size, dtype=torch.float64).exponential_(generator=generator)
    return -exponential.log()


def draw_tokens(logits_BV: torch.Tensor, draws: Sequence[tuple[Draw, int]]) -> list[int]:
    """Choose the next token of each row.

    Args:
        logits_BV: fp32 logits, [B, V].
        draws: For each row how to draw, and how many tokens it has already.
    """
    chosen: list[int] = logits_BV.argmax(-1).tolist()
    for row, (draw, position) in enumerate(draws):
        if draw.sampling.temperature != 0:
            chosen[row] = _draw_one(logits_BV[row], draw, position)
    return chosen


def _draw_one(logits_V: torch.Tensor, draw: Draw, position: int) -> int:
    sampling = draw.sampling
    scaled = logits_V.double() / sampling.temperature
    order = _kept(scaled, sampling)
    noise = gumbel(sampling.seed, draw.name, position, len(scaled)).to(scaled.device)
    if order is None:
        return int((scaled + noise).argmax())
    return int(order[(scaled[order] + noise[order]).argmax()])


def _kept(scaled_V: torch.Tensor, sampling: Sampling) -> torch.Tensor | None:
    """Return the tokens that may be drawn, likeliest first; None for all of them."""
    if sampling.top_k == 0 and sampling.top_p >= 1:
        return None
    ordered, tokens = scaled_V.sort(descending=True, stable=True)
    kept = len(tokens) if sampling.top_k == 0 else min(sampling.top_k, len(tokens))
    mass = ordered[:kept].softmax(-1).cumsum(-1)
    # The nucleus: as few tokens as reach the mass, the one that crosses it included.
    nucleus = int((mass < sampling.top_p).sum()) + 1
    return tokens[: min(nucleus, kept)]
