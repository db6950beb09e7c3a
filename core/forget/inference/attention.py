"""Our attention as transformers sees it: one implementation by name, which does as it is told.

A model loaded with ``attn_implementation=NAME`` has every layer ask whoever stands in `attending`:
`forest_attention` while continuations are scored, `column_attention` while texts are written.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Protocol

from forget.errors import UnsupportedModelError

if TYPE_CHECKING:
    import torch

__all__ = ["NAME", "Attender", "attending", "register"]

NAME = "forget"
"""The name under which transformers knows this attention."""


class Attender(Protocol):
    """Computes the attention of one layer."""

    def attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """Return the output of one layer, [rows, tokens, heads, size of a head].

        Args:
            module: The attention layer.
            query: [rows, heads, tokens, size].
            key: [rows, key heads, tokens, size].
            value: As `key`.
            scaling: Factor of the scores; None is ``size ** -0.5``.
            window: How many tokens back a query sees, itself included; None sees all.
        """
        ...


_CURRENT: ContextVar[Attender | None] = ContextVar("forget_attention", default=None)


@contextmanager
def attending(attender: Attender) -> Iterator[None]:
    """Have models with our attention ask `attender` while the block runs."""
    token = _CURRENT.set(attender)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def register() -> None:
    """Make the attention known to transformers; it makes no mask then, as ours needs none."""
    from transformers import AttentionInterface

    AttentionInterface.register(NAME, _attention)


def _attention(  # noqa: PLR0913, PLR0917 - the signature that transformers calls
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    position_bias: torch.Tensor | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attend as transformers' own functions do, by the current attender; no weights are returned.

    Raises:
        UnsupportedModelError: The layer wants something that only its own attention does.
    """
    extras = {"softcap": softcap, "attention sinks": s_aux, "position_bias": position_bias}
    wanted = [name for name, value in extras.items() if value is not None]
    if attention_mask is not None:
        wanted.append("a mask of its own")
    if wanted:
        raise UnsupportedModelError(f"its attention layers use {', '.join(wanted)}")
    attender = _CURRENT.get()
    assert attender is not None, "the model was run outside `attending`"
    return attender.attend(module, query, key, value, scaling, sliding_window), None
