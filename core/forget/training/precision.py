"""Number formats of a training: float32 weights, computed with in bfloat16 where there is a GPU.

That is mixed precision (Micikevicius et al. 2018, arXiv:1710.03740): products are taken in half the
bits, and what a step adds to a weight is not rounded away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from typing import Any, Literal

__all__ = ["autocast", "autocasts", "computed_in", "unmoved_share", "warn_of_rounding"]

_UNMOVED = 0.5
"""Share of the weights beyond which something is said."""

_SAMPLED = 4096
"""Weights of each tensor that are looked at."""


def autocasts(dtype: str) -> bool:
    """Return whether a training with weights of this format computes in bfloat16 all the same."""
    import torch

    return dtype == "float32" and torch.cuda.is_available()


def computed_in(dtype: Literal["float32", "bfloat16"]) -> Literal["float32", "bfloat16"]:
    """Return the number format that a model with such weights writes in."""
    return "bfloat16" if autocasts(dtype) else dtype


def autocast(dtype: str) -> AbstractContextManager[Any]:
    """Return a block in which forward passes are taken as a trainer takes them."""
    import torch

    device = "cuda" if torch.cuda.is_available() else "cpu"
    return torch.autocast(device, dtype=torch.bfloat16, enabled=autocasts(dtype))


def warn_of_rounding(note: Callable[[str], None], model: Any, lr: float) -> None:
    """Say so if most of the weights in training are too coarse to be changed by a step.

    Args:
        note: Tells the user a line.
        model: The model in training.
        lr: Its peak learning rate.
    """
    import torch

    weights = [parameter for parameter in model.parameters() if parameter.requires_grad]
    coarse = any(weight.dtype != torch.float32 for weight in weights)
    share = unmoved_share(weights, lr)
    if coarse and share > _UNMOVED:
        note(
            f"dtype={str(weights[0].dtype).removeprefix('torch.')} is too coarse for lr={lr:g}: a "
            f"step changes a weight by about lr, and for {100 * share:.0f} % of the weights that "
            "is less than rounding takes away again. Set dtype=float32, which a GPU computes with "
            "in bfloat16."
        )


def unmoved_share(weights: Sequence[Any], step: float) -> float:
    """Return the share of weights that adding or subtracting a number leaves as they are.

    AdamW changes a weight by ``lr`` times a number of about 1 (Kingma & Ba 2015,
    arXiv:1412.6980, section 2.1), and the result is rounded to the format's next number.

    Args:
        weights: Tensors; some thousand evenly spaced numbers of each are looked at.
        step: What is added.
    """
    unmoved, total = 0.0, 0
    for tensor in weights:
        flat = tensor.detach().flatten()
        some = flat[:: max(1, len(flat) // _SAMPLED)]
        share = float((((some + step) == some) & ((some - step) == some)).float().mean())
        unmoved += share * len(flat)
        total += len(flat)
    return unmoved / max(1, total)
