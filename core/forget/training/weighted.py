"""Weighted negative log-likelihood: a mixin for TRL's SFTTrainer, and what makes its batches."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

__all__ = ["SCALE", "Normalizer", "NumbersCollator", "WeightedLoss", "batch_scales"]

Normalizer = Literal["tokens", "sequences", "unweighted"]

SCALE = "scale"
"""The column of what `batch_scales` returns."""


def batch_scales(
    weights: Sequence[float], tokens: Sequence[int], batch_size: int, normalizer: Normalizer
) -> list[float]:
    """Return what each example's summed negative log-likelihood is multiplied by.

    The loss of a batch is ``sum_i w_i sum_t nll_it`` divided by ``sum_i w_i |y_i|`` (``tokens``),
    ``sum_i w_i`` (``sequences``) or ``sum_i |y_i|`` (``unweighted``), however it is cut into
    micro-batches. The first two make every batch count alike; by the third a batch of small weights
    moves the model less, as in a sum over the whole data.

    Args:
        weights: The weight of every example in the order of training.
        tokens: Its tokens in the loss.
        batch_size: Examples of an optimiser step.
        normalizer: What a batch is divided by.
    """
    scales: list[float] = []
    for start in range(0, len(weights), batch_size):
        some = slice(start, start + batch_size)
        total = _total(weights[some], tokens[some], normalizer)
        scales += [w / total if total else 0.0 for w in weights[some]]
    return scales


def _total(weights: Sequence[float], tokens: Sequence[int], normalizer: Normalizer) -> float:
    if normalizer == "tokens":
        return sum(w * n for w, n in zip(weights, tokens, strict=True))
    return sum(weights) if normalizer == "sequences" else sum(tokens)


class NumbersCollator:
    """Makes a batch as another collator does, with numbers that belong to each example.

    Args:
        plain: TRL's collator.
        names: The columns of the numbers.
    """

    def __init__(
        self, plain: Callable[[list[dict[str, Any]]], dict[str, Any]], names: Sequence[str]
    ) -> None:
        self._plain, self._names = plain, names

    def __call__(self, examples: Sequence[dict[str, Any]]) -> dict[str, Any]:
        """Return input ids, labels and mask, [B, T], and the numbers, each [B, 1]."""
        import torch

        rest = [{k: v for k, v in e.items() if k not in self._names} for e in examples]
        batch = self._plain(rest)
        for name in self._names:
            numbers = [example[name] for example in examples]
            batch[name] = torch.tensor(numbers, dtype=torch.float32)[:, None]
        return batch


class WeightedLoss:
    """Mixin for `trl.SFTTrainer` whose loss becomes ``sum_i scale_i sum_t -log p(y_it)``."""

    accelerator: Any

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """Return the weighted loss; every scale has been divided by its whole batch's sum."""
        scale_B1 = inputs.pop(SCALE)
        outputs = model(**inputs, use_cache=False, fused_lm_head=True)
        loss = -(outputs.log_probs * scale_B1).sum()  # log-probabilities are 0 where ignored
        # Processes average their gradients, and the sum is over all of them.
        loss = loss * self.accelerator.num_processes
        return (loss, outputs) if return_outputs else loss
