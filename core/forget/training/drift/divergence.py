"""KL divergences of next-token distributions, exact over the vocabulary, from blocks of logits.

Legend: T positions, C tokens of a block of the vocabulary; p is the base, q the model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import torch

__all__ = ["Estimate", "TokenKl", "per_sequence", "per_token"]


class TokenKl:
    """KL(p || q) and KL(q || p) at each of T positions, of logits that come in blocks.

    Logits of any format are summed in float64, so that what is left of their difference is their
    own rounding. Equal logits give exactly 0.
    """

    def __init__(self) -> None:
        self._base = _Side()
        self._model = _Side()

    def add(self, base_TC: torch.Tensor, model_TC: torch.Tensor) -> None:
        """Take both models' logits of the next tokens of the vocabulary."""
        base_TC, model_TC = _double(base_TC), _double(model_TC)
        self._base.add(base_TC, base_TC - model_TC)
        self._model.add(model_TC, model_TC - base_TC)

    def forward(self) -> torch.Tensor:
        """Return KL(p || q) = sum_v p_v (log p_v - log q_v) at each position, [T] [nats]."""
        return self._base.expected_gap() - self._base.log_z() + self._model.log_z()

    def reverse(self) -> torch.Tensor:
        """Return KL(q || p) at each position, [T] [nats]."""
        return self._model.expected_gap() - self._model.log_z() + self._base.log_z()


class _Side:
    """One distribution's normaliser, and its expectation of the logits' difference, as they grow.

    Both are kept relative to the largest logit so far, as in a streaming softmax (Milakov and
    Gimelshein 2018, arXiv:1805.02867, algorithm 3).
    """

    def __init__(self) -> None:
        import torch

        self._top = torch.tensor(-torch.inf, dtype=torch.float64)
        self._mass = self._gap = torch.zeros((), dtype=torch.float64)

    def add(self, own_TC: torch.Tensor, gap_TC: torch.Tensor) -> None:
        top_T = own_TC.amax(-1).maximum(self._top)
        shrink_T = (self._top - top_T).exp()
        weight_TC = (own_TC - top_T[:, None]).exp()
        # A token that cannot come adds nothing, however far apart its logits are.
        gap_TC = gap_TC.masked_fill(weight_TC == 0, 0)
        self._gap = self._gap * shrink_T + (weight_TC * gap_TC).sum(-1)
        self._mass = self._mass * shrink_T + weight_TC.sum(-1)
        self._top = top_T

    def log_z(self) -> torch.Tensor:
        return self._top + self._mass.log()

    def expected_gap(self) -> torch.Tensor:
        return self._gap / self._mass


class Estimate(NamedTuple):
    """A mean and its standard error over prompts; None where one prompt has none."""

    mean: float
    stderr: float | None


def per_sequence(sums: Sequence[float]) -> Estimate:
    """Average a quantity of whole completions: the standard error is that of a mean.

    Args:
        sums: Its sum over the positions of each completion.
    """
    mean = math.fsum(sums) / len(sums)
    return Estimate(mean, _error([value - mean for value in sums]))


def per_token(sums: Sequence[float], tokens: Sequence[int]) -> Estimate:
    """Average a quantity over all positions of all completions.

    Prompts are drawn, not positions, so this is a ratio of two means and its standard error is that
    of a ratio estimator (Cochran 1977, Sampling Techniques, chapter 6).

    Args:
        sums: Its sum over the positions of each completion.
        tokens: The number of these positions.
    """
    ratio = math.fsum(sums) / sum(tokens)
    residuals = [value - ratio * count for value, count in zip(sums, tokens, strict=True)]
    error = _error(residuals)
    return Estimate(ratio, None if error is None else error * len(tokens) / sum(tokens))


def _error(residuals: Sequence[float]) -> float | None:
    n = len(residuals)
    return math.sqrt(math.fsum(r * r for r in residuals) / (n - 1) / n) if n > 1 else None


def _double(logits: torch.Tensor) -> torch.Tensor:
    # Apple's GPUs have no float64.
    return (logits.cpu() if logits.device.type == "mps" else logits).double()
