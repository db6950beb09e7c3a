"""Which requests are answered together: a pure function of the requests, made before any is run.

Base model and checkpoints, a run and its continuation, and all shards of a sweep therefore meet the
same batches, and differ by the weights alone.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate, pairwise

from forget.inference.forest import shared_prefix, sort_key

__all__ = ["batch_prompts", "batch_sequences"]

_FLEXIBLE = 0.125
"""How far, in shares of a batch, a cut may move to where less is shared."""


def batch_sequences(sequences: Sequence[Sequence[int]], budget: int) -> list[tuple[int, ...]]:
    """Split token sequences into batches of at most about `budget` distinct prefixes.

    Sequences are taken in lexicographic order, so those with a common prefix are neighbours; the
    cut is made where the least is shared, because a prefix on both sides of it is computed twice.
    Batches are as equal as that allows. Those with the longest sequences come first: whatever is
    too large for the memory shows at once, and the time left is never underestimated.

    Args:
        sequences: Token ids.
        budget: Distinct prefixes of a batch; a single longer sequence is a batch of its own.

    Returns:
        Batches of indices into `sequences`.
    """
    if not sequences:
        return []
    order = sorted(range(len(sequences)), key=lambda index: sort_key(sequences[index]))
    ordered = [sequences[index] for index in order]
    shared = [0, *(shared_prefix(a, b) for a, b in pairwise(ordered))]
    batches = []
    start = 0
    for stop in _cuts(ordered, shared, budget):
        batches.append(tuple(order[start:stop]))
        start = stop
    return sorted(batches, key=lambda batch: -max(len(sequences[index]) for index in batch))


def batch_prompts(lengths: Sequence[int], budget: int) -> list[tuple[int, ...]]:
    """Split prompts into batches whose texts need at most about `budget` tokens of kept keys.

    The longest come first, and batches are as equal in number as their lengths allow.

    Args:
        lengths: Greatest length of each prompt with its completion [tokens].
        budget: Tokens of a batch, each row counted at the length of the longest.

    Returns:
        Batches of indices into `lengths`.
    """
    order = sorted(range(len(lengths)), key=lambda index: (-lengths[index], index))
    batches = []
    while order:
        most = max(1, budget // lengths[order[0]])
        size = math.ceil(len(order) / math.ceil(len(order) / most))
        batches.append(tuple(order[:size]))
        order = order[size:]
    return batches


def _cuts(ordered: Sequence[Sequence[int]], shared: Sequence[int], budget: int) -> list[int]:
    """Return where each batch stops, as indices into the ordered sequences."""
    new = (len(sequence) - common for sequence, common in zip(ordered, shared, strict=True))
    nodes = list(accumulate(new))  # distinct prefixes up to and including each sequence
    count = math.ceil(nodes[-1] / budget)
    size = nodes[-1] / count
    cuts: list[int] = []
    for part in range(1, count):
        first = bisect_left(nodes, (part - _FLEXIBLE) * size) + 1
        last = bisect_left(nodes, (part + _FLEXIBLE) * size) + 1
        least = cuts[-1] + 1 if cuts else 1
        places = list(range(max(first, least), min(last, len(nodes))))
        if not places:  # sequences are longer than that: the nearest place, before or after
            nearest = bisect_left(nodes, part * size)
            places = [i for i in (nearest, nearest + 1) if least <= i < len(nodes)]
            places = sorted(places, key=lambda i: abs(nodes[i - 1] - part * size))[:1]
        # Of equally cheap places the one nearest to an equal share.
        cuts += sorted(places, key=lambda i: (shared[i], abs(nodes[i - 1] - part * size)))[:1]
    return [*cuts, len(nodes)]
