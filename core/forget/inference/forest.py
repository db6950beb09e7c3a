"""Token sequences as a forest in which every shared prefix stands once, laid out for attention.

Nodes are numbered in preorder, so the descendants of node ``i`` are exactly ``i < j < end[i]``: a
token may attend to node ``k`` if and only if ``k <= i < end[k]``. Legend: N nodes of a forest, Q
queries and K keys of a segment.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import attrs

__all__ = [
    "Forest",
    "Segment",
    "build_forest",
    "count_nodes",
    "segment",
    "shared_prefix",
    "sort_key",
]


@attrs.frozen
class Forest:
    """Distinct prefixes of some token sequences.

    Attributes:
        tokens: Token of each node, [N].
        depths: Position of each node in its sequences, [N].
        ends: One past the last descendant of each node, [N].
        paths: For each sequence the nodes it goes through.
    """

    tokens: list[int]
    depths: list[int]
    ends: list[int]
    paths: list[list[int]]


class Segment(NamedTuple):
    """Queries that attend together: consecutive nodes, and what they may look at.

    Attributes:
        start: First query node.
        stop: One past the last query node.
        trunk: Nodes before `start` that all queries attend to: the path to the segment.
    """

    start: int
    stop: int
    trunk: list[int]


def build_forest(sequences: Sequence[Sequence[int]]) -> Forest:
    """Merge the common prefixes of token sequences.

    Args:
        sequences: Token ids; equal sequences are allowed, empty ones are not.
    """
    order = sorted(range(len(sequences)), key=lambda index: sort_key(sequences[index]))
    tokens: list[int] = []
    depths: list[int] = []
    ends: list[int] = []
    paths: list[list[int]] = [[] for _ in sequences]
    open_path: list[int] = []  # the nodes of the sequence before, in sorted order
    before: Sequence[int] = ()
    for index in order:
        sequence = sequences[index]
        shared = shared_prefix(before, sequence)
        for node in open_path[shared:]:
            ends[node] = len(tokens)
        del open_path[shared:]
        for depth in range(shared, len(sequence)):
            open_path.append(len(tokens))
            tokens.append(sequence[depth])
            depths.append(depth)
            ends.append(0)
        paths[index] = list(open_path)
        before = sequence
    for node in open_path:
        ends[node] = len(tokens)
    return Forest(tokens, depths, ends, paths)


def count_nodes(sequences: Sequence[Sequence[int]]) -> int:
    """Count the distinct prefixes of token sequences without building the forest."""
    total = 0
    before: Sequence[int] = ()
    for sequence in sorted(sequences, key=sort_key):
        total += len(sequence) - shared_prefix(before, sequence)
        before = sequence
    return total


def sort_key(tokens: Sequence[int]) -> bytes:
    """Return what token sequences are sorted by: lexicographically, and fast for many long ones."""
    import numpy as np

    return np.asarray(tokens, dtype=">i4").tobytes()


def shared_prefix(one: Sequence[int], other: Sequence[int]) -> int:
    """Return how many leading tokens two sequences have in common."""
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    low, high = 0, length
    while high - low > 1:
        middle = (low + high) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle
    return low


def segment(forest: Forest, most: int) -> list[Segment]:
    """Cut a forest into segments of few queries, so that attention stays near what is needed.

    A subtree of up to `most` nodes is one segment. Of a larger one, the unbranched way down to the
    first branching is a segment of its own, and its branches follow, small ones several together.
    Each node is a query of exactly one segment.

    Args:
        forest: The forest.
        most: Most queries of a segment that holds branches; an unbranched way may be longer.
    """
    segments: list[Segment] = []
    pending: list[tuple[int, int, list[int]]] = [(0, len(forest.tokens), [])]
    while pending:
        start, stop, trunk = pending.pop()
        children = _children(forest, start, stop)
        for group in _grouped(children, most):
            first, last = group[0][0], group[-1][1]
            if last - first <= most:
                segments.append(Segment(first, last, trunk))
                continue
            down = _way_down(forest, first)
            segments.append(Segment(first, down, trunk))
            if down < last:
                pending.append((down, last, [*trunk, *range(first, down)]))
    return sorted(segments)


def _children(forest: Forest, start: int, stop: int) -> list[tuple[int, int]]:
    """Return the subtrees that fill the nodes from `start` to `stop`, as (first, one past last)."""
    found = []
    while start < stop:
        found.append((start, forest.ends[start]))
        start = forest.ends[start]
    return found


def _grouped(children: list[tuple[int, int]], most: int) -> list[list[tuple[int, int]]]:
    """Put neighbouring subtrees together while they have at most `most` nodes."""
    groups: list[list[tuple[int, int]]] = []
    for child in children:
        if groups and child[1] - groups[-1][0][0] <= most:
            groups[-1].append(child)
        else:
            groups.append([child])
    return groups


def _way_down(forest: Forest, node: int) -> int:
    """Return one past the last node of the unbranched way down from `node`."""
    stop = forest.ends[node]
    while node + 1 < stop and forest.ends[node + 1] == stop:
        node += 1
    return node + 1
