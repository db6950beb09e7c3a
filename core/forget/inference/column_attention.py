"""Attention of prompts that grow together, one column of tokens at a time, with kept keys.

Legend: B rows, H heads, G heads that share a key head, D size of a head, T columns, C capacity.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

__all__ = ["Columns"]

_GROWTH = 128
"""Columns by which the memory for keys grows: few copies, little that is never used."""


class Columns:
    """Keys and values of all layers for rows that are padded on the left.

    Args:
        lengths: Tokens of each row's prompt; the longest decides the first columns.
        device: Where the model is.
    """

    def __init__(self, lengths: Sequence[int], device: torch.device) -> None:
        import torch

        longest = max(lengths)
        self._first = torch.tensor([longest - length for length in lengths], device=device)
        self._filled = 0
        self._new = 0
        self._keys: dict[int, torch.Tensor] = {}
        self._values: dict[int, torch.Tensor] = {}
        self._masks: dict[Any, torch.Tensor] = {}

    def extend(self, count: int) -> torch.Tensor:
        """Announce `count` further columns; return their positions in each row, [B, count]."""
        import torch

        self._filled += self._new
        self._new = count
        self._masks.clear()
        columns = torch.arange(self._filled, self._filled + count, device=self._first.device)
        return (columns[None] - self._first[:, None]).clamp_min(0)

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all rows but these, and the columns at the left that are padding in all of them."""
        import torch

        if not rows:
            return
        index = torch.tensor(rows, device=self._first.device)
        self._first = self._first[index]
        empty = int(self._first.min())
        self._first = self._first - empty
        self._filled -= empty
        for store in (self._keys, self._values):
            for layer in store:
                store[layer] = store[layer][index, :, empty:]

    def attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """Keep the new keys and values of a layer and attend to all that are there.

        Args:
            module: The attention layer, which knows its number.
            query: [B, H, T, D] of the new columns.
            key: [B, H / G, T, D].
            value: As `key`.
            scaling: Factor of the scores.
            window: How far back a query sees, itself included; None is all the way.

        Returns:
            [B, T, H, D].
        """
        from torch.nn.functional import scaled_dot_product_attention

        rows, heads, count, size = query.shape
        shared = key.shape[1]
        groups = heads // shared
        keys = self._stored(self._keys, module.layer_idx, key)
        values = self._stored(self._values, module.layer_idx, value)
        # The heads that share a key head become further queries of it, so that no key is copied.
        answered = scaled_dot_product_attention(
            query.reshape(rows, shared, groups * count, size),
            keys,
            values,
            attn_mask=self._mask(window, groups, query.dtype),
            scale=scaling,
        )
        return answered.reshape(rows, heads, count, -1).transpose(1, 2)

    def _stored(
        self, store: dict[int, torch.Tensor], layer: int, new: torch.Tensor
    ) -> torch.Tensor:
        """Put the new columns behind the others; return all that are filled, [B, H / G, T, D]."""
        rows, heads, count, size = new.shape
        needed = self._filled + count
        old = store.get(layer)
        if old is None or old.shape[2] < needed:
            larger = new.new_empty(rows, heads, needed + _GROWTH, size)
            if old is not None:
                larger[:, :, : self._filled] = old[:, :, : self._filled]
            store[layer] = larger
        store[layer][:, :, self._filled : needed] = new
        return store[layer][:, :, :needed]

    def _mask(self, window: int | None, groups: int, dtype: torch.dtype) -> torch.Tensor:
        """Return what is added to the scores, [B, 1, G * T, all columns]; alike for all layers."""
        import torch

        key = (window, groups, dtype)
        if key not in self._masks:
            every = torch.arange(self._filled + self._new, device=self._first.device)
            mine = every[self._filled :]
            distance = mine[:, None] - every[None]
            allowed = distance >= 0
            if window is not None:
                allowed &= distance < window
            # A row's own padding sees itself, or its result would be NaN.
            seen = (every[None] >= self._first[:, None])[:, None] | (distance == 0)[None]
            mask = torch.zeros(seen.shape, dtype=dtype, device=every.device)
            mask.masked_fill_(~(seen & allowed[None]), float("-inf"))
            self._masks[key] = mask.repeat(1, groups, 1).unsqueeze(1)
        return self._masks[key]
