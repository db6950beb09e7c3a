"""Attention over a forest of token sequences.

The layers of a model see all nodes as one long sequence without padding; only attention knows which
node may look at which. Legend: H heads, G heads that share one key head, D size of a head, S
segments of one shape, Q queries and K keys of a segment, N nodes.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from forget.inference.forest import Forest, Segment, segment

if TYPE_CHECKING:
    import torch

__all__ = ["Layout", "layout"]

_QUERIES = 128
"""Most queries of a segment with branches: beyond it, attention to other branches costs more than
calling the kernel again."""


@attrs.frozen
class Bucket:
    """Segments that are computed in one call, padded to the same number of queries and keys.

    Attributes:
        queries: Node of each query, [S, Q]; padding repeats the segment's first.
        keys: Node of each key, [S, K]; padding is masked.
        rows: Where the queries that are no padding stand in [S * Q].
        nodes: Their nodes, in the order of `rows`.
        ahead: Depth of the query less depth of the key, [S, Q, K]; negative where a query may not
            look at a key.
    """

    queries: torch.Tensor
    keys: torch.Tensor
    rows: torch.Tensor
    nodes: torch.Tensor
    ahead: torch.Tensor
    _masks: dict[Any, torch.Tensor] = attrs.field(factory=dict, eq=False)

    def mask(self, window: int | None, groups: int, dtype: torch.dtype) -> torch.Tensor:
        """Return what is added to the scores, [S, 1, G * Q, K]; the same for all layers alike."""
        import torch

        key = (window, groups, dtype)
        if key not in self._masks:
            allowed = self.ahead >= 0
            if window is not None:
                allowed &= self.ahead < window
            mask = torch.zeros(allowed.shape, dtype=dtype, device=allowed.device)
            mask.masked_fill_(~allowed, float("-inf"))
            self._masks[key] = mask.repeat(1, groups, 1).unsqueeze(1)
        return self._masks[key]


@attrs.frozen
class Layout:
    """How the nodes of a forest attend."""

    buckets: Sequence[Bucket]

    def attend(
        self,
        module: Any,
        query: torch.Tensor,
        key: torch.Tensor,
        value: torch.Tensor,
        scaling: float | None,
        window: int | None,
    ) -> torch.Tensor:
        """Attend along the paths of the forest; see `Attender.attend`, with one row of N tokens."""
        import torch
        from torch.nn.functional import scaled_dot_product_attention

        heads, nodes, size = query.shape[1:]
        shared = key.shape[1]
        groups = heads // shared
        out = torch.empty(nodes, heads, value.shape[-1], dtype=query.dtype, device=query.device)
        query_NHD, key_NHD, value_NHD = (x[0].transpose(0, 1) for x in (query, key, value))
        for bucket in self.buckets:
            s, q = bucket.queries.shape
            # Heads that share a key head become further queries of it, so that no key is copied.
            queries = query_NHD[bucket.queries].view(s, q, shared, groups, size)
            answered = scaled_dot_product_attention(
                queries.permute(0, 2, 3, 1, 4).reshape(s, shared, groups * q, size),
                key_NHD[bucket.keys].transpose(1, 2),
                value_NHD[bucket.keys].transpose(1, 2),
                attn_mask=bucket.mask(window, groups, query.dtype),
                scale=scaling,
            )
            by_query = answered.view(s, shared, groups, q, -1).permute(0, 3, 1, 2, 4)
            out[bucket.nodes] = by_query.reshape(s * q, heads, -1)[bucket.rows]
        return out.unsqueeze(0)


def layout(forest: Forest, device: torch.device) -> Layout:
    """Cut a forest into segments and put segments of similar shape together."""
    segments = segment(forest, _QUERIES)
    by_shape: dict[tuple[int, int], list[Segment]] = {}
    for part in segments:
        queries = part.stop - part.start
        shape = (_rounded(queries), _rounded(queries + len(part.trunk)))
        by_shape.setdefault(shape, []).append(part)
    return Layout([_bucket(forest, parts, device) for parts in by_shape.values()])


def _bucket(forest: Forest, parts: Sequence[Segment], device: torch.device) -> Bucket:
    import numpy as np
    import torch

    most_q = max(part.stop - part.start for part in parts)
    most_k = max(part.stop - part.start + len(part.trunk) for part in parts)
    depths, ends = np.asarray(forest.depths), np.asarray(forest.ends)
    queries = np.zeros((len(parts), most_q), dtype=np.int64)
    keys = np.zeros((len(parts), most_k), dtype=np.int64)
    ahead = np.full((len(parts), most_q, most_k), -1, dtype=np.int32)
    valid = np.zeros((len(parts), most_q), dtype=bool)
    for row, part in enumerate(parts):
        own = np.arange(part.start, part.stop)
        seen = np.concatenate([np.asarray(part.trunk, dtype=np.int64), own])
        queries[row, : len(own)], keys[row, : len(seen)] = own, seen
        queries[row, len(own) :] = part.start
        allowed = (seen[None] <= own[:, None]) & (own[:, None] < ends[seen][None])
        distance = depths[own][:, None] - depths[seen][None]
        ahead[row, : len(own), : len(seen)] = np.where(allowed, distance, -1)
        ahead[row, len(own) :, 0] = 0  # a row that sees nothing would be NaN
        valid[row, : len(own)] = True
    rows = np.flatnonzero(valid)
    nodes = queries.reshape(-1)[rows]
    return Bucket(
        queries=torch.from_numpy(queries).to(device),
        keys=torch.from_numpy(keys).to(device),
        rows=torch.from_numpy(rows).to(device),
        nodes=torch.from_numpy(nodes).to(device),
        ahead=torch.from_numpy(ahead).to(device),
    )


def _rounded(count: int) -> int:
    """Round up to one of few sizes, so that few calls are made with little padding."""
    step = max(16, 1 << max(0, count.bit_length() - 3))
    return -(-count // step) * step
