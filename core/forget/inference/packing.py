"""Weights in the order in which the processor multiplies by them.

On a CPU a matrix product begins by rearranging the weights, each time anew. With few rows, as when
texts are written, that takes longer than the product. oneDNN, which comes with torch on x86, takes
weights that were rearranged once; torch's own compiler uses it in the same way (``freezing`` in
torch/_inductor/fx_passes/mkldnn_fusion.py).
"""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING, Any

from forget.inference.memory import free_bytes

if TYPE_CHECKING:
    import torch

__all__ = ["pack"]

_SHARE = 0.25
"""Greatest share of the free memory that rearranged copies may take."""

_TOLERANCE = 1e-3
"""Of a sum of 64 products of standard normal numbers: far beyond rounding in fp32."""


def pack(model: Any) -> bool:
    """Have a model's linear layers multiply by rearranged copies of their weights as they are now.

    Call it again when the weights have changed: copies made before are dropped in any case. None
    are made on other devices, in other number formats than fp32, where oneDNN is missing, or where
    they would need too much memory.

    Args:
        model: A transformers model in evaluation mode.

    Returns:
        Whether it was done.
    """
    import torch

    layers = [layer for layer in model.modules() if type(layer) is torch.nn.Linear]
    for layer in layers:
        layer.__dict__.pop("forward", None)
    needed = sum(layer.weight.numel() * 4 for layer in layers)
    fits = needed <= _SHARE * free_bytes("cpu")
    alike = all(p.device.type == "cpu" and p.dtype == torch.float32 for p in model.parameters())
    if not (alike and fits and _works()):
        return False
    for layer in layers:
        multiply = partial(_multiply, _rearranged(layer.weight), layer.bias)
        layer.forward = multiply  # type: ignore[method-assign]
    return True


def _rearranged(weight: torch.Tensor) -> torch.Tensor:
    import torch

    with torch.inference_mode():
        rearranged: torch.Tensor = torch.ops.mkldnn._reorder_linear_weight(weight.detach())
    return rearranged


def _multiply(weight: torch.Tensor, bias: torch.Tensor | None, rows: torch.Tensor) -> torch.Tensor:
    import torch

    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, weight, bias, "none", [], "")
    return product


@cache
def _works() -> bool:
    """Try the operators, which torch does not promise to keep, on a small product."""
    import torch

    generator = torch.Generator().manual_seed(0)
    rows, weight = torch.randn(3, 64, generator=generator), torch.randn(5, 64, generator=generator)
    try:
        found = _multiply(_rearranged(weight), None, rows)
    except (AttributeError, NotImplementedError, RuntimeError, TypeError):
        return False
    return bool((found - rows @ weight.T).abs().max() < _TOLERANCE)
