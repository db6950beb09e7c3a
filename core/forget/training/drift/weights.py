"""What a training did to the weights: the share that it left alone, and how far it went."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from forget.inference.tensors import TensorReader

if TYPE_CHECKING:
    import torch

__all__ = ["Change", "compare", "trained_weights", "without_adapters"]

_TOLERANCE = 1e-5
"""Numbers in bfloat16 that differ by no more count as equal, as with the definition's authors."""


class Change(NamedTuple):
    """How the weights theta of a model differ from those of its base, theta0.

    Attributes:
        unchanged: The update sparsity of Mukherjee et al. 2025 (arXiv:2505.11711), with
            their code's tolerance: the share of weights with ``|theta - theta0| <= 1e-5``, both
            rounded to bfloat16 first.
        relative: ``||theta - theta0|| / ||theta0||``, over all weights together (Frobenius), in the
            number format of the training.
    """

    unchanged: float
    relative: float


def compare(model: Any, base: TensorReader) -> Change | None:
    """Compare a model in memory with its base's files, one tensor at a time.

    Args:
        model: The model, on any device; a LoRA model counts by its merged weights.
        base: The base's files; numbers are brought to the model's format, as loading does.

    Returns:
        None if the files name or shape a tensor otherwise than the model does, so that there is
        nothing to compare with.
    """
    known = set(base.names)
    weights = same = 0
    moved: list[float] = []
    length: list[float] = []
    for name, theta in trained_weights(model):
        if name not in known or base.shape(name) != list(theta.shape):
            return None
        theta0 = base.read(name).to(theta.dtype).to(theta.device)
        step = (theta.bfloat16().float() - theta0.bfloat16().float()).abs()
        same += int((step <= _TOLERANCE).sum())
        weights += theta.numel()
        exact = theta0.float()
        length.append(exact.square().sum().item())
        moved.append((theta.float() - exact).square().sum().item())
    return Change(same / weights, math.sqrt(math.fsum(moved) / math.fsum(length)))


def trained_weights(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """Yield the name in the base's files and the value of each weight; tied ones come once.

    A layer with an adapter gives W0 + BA, rounded as merging would; the model is not touched.
    """
    bare = without_adapters(model)
    layers = dict(bare.named_modules())
    for name, weight in bare.named_parameters():
        path, _, leaf = name.rpartition(".")
        if any(part.startswith("lora_") for part in path.split(".")):
            continue  # part of the weight that it changes
        if path.endswith(".base_layer"):
            path = path.removesuffix(".base_layer")
            value = _merged(layers[path], weight) if leaf == "weight" else weight.detach()
            yield f"{path}.{leaf}", value
        else:
            yield name, weight.detach()


def without_adapters(model: Any) -> Any:
    """Return the transformers model inside a PEFT one; any other as it is."""
    return model.get_base_model() if hasattr(model, "peft_config") else model


def _merged(layer: Any, weight: torch.Tensor) -> torch.Tensor:
    total = weight.detach().float()
    for adapter in layer.active_adapters:
        total = total + layer.get_delta_weight(adapter).detach().float()
    return total.to(weight.dtype)
