from __future__ import annotations

from array import array
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forget.inference.forest import (
    Forest,
    Segment,
    build_forest,
    count_nodes,
    segment,
    shared_prefix,
    sort_key,
)

# Few distinct tokens, so that prefixes are shared; large ones, whose bytes sort like numbers.
tokens = st.sampled_from([0, 1, 255, 256, 70_000, 2**31 - 1])
sequences_of_tokens = st.lists(st.lists(tokens, min_size=1, max_size=12), max_size=12)

SHAPES: dict[str, list[list[int]]] = {
    "one": [[3, 1, 2]],
    "equal": [[1, 2], [1, 2], [1, 2]],
    "one a prefix of another": [[1, 2, 3], [1], [1, 2]],
    "nothing shared": [[1, 2], [2, 1], [3]],
    "branches at several depths": [[1, 2, 3, 4], [1, 2, 5], [1, 6], [1, 2, 3, 7], [8]],
    "a long way, then leaves": [[*range(50), leaf] for leaf in range(100, 120)],
    "branches off a long way": [[*range(at), 99] for at in range(1, 40)],
}
shapes = pytest.mark.parametrize("sequences", SHAPES.values(), ids=SHAPES)


def check(test: Callable[..., None]) -> Callable[..., None]:
    """Check a property of forests; without a deadline, which a busy machine would miss."""
    return settings(deadline=None, max_examples=60)(test)


def prefixes(forest: Forest) -> list[tuple[int, ...]]:
    """Return the tokens from the root to each node, by the paths."""
    found: dict[int, tuple[int, ...]] = {}
    for path in forest.paths:
        whole = tuple(forest.tokens[node] for node in path)
        for depth, node in enumerate(path):
            assert found.setdefault(node, whole[: depth + 1]) == whole[: depth + 1]
    return [found[node] for node in range(len(forest.tokens))]


def distinct(sequences: Sequence[Sequence[int]]) -> set[tuple[int, ...]]:
    return {tuple(s[: stop + 1]) for s in sequences for stop in range(len(s))}


@shapes
def test_paths_give_the_sequences_back(sequences: list[list[int]]) -> None:
    check_paths(sequences)


@check
@given(sequences_of_tokens)
def test_paths_give_any_sequences_back(sequences: list[list[int]]) -> None:
    check_paths(sequences)


def check_paths(sequences: list[list[int]]) -> None:
    forest = build_forest(sequences)
    assert [[forest.tokens[node] for node in path] for path in forest.paths] == sequences
    assert all(
        [forest.depths[node] for node in path] == list(range(len(path))) for path in forest.paths
    )


@check
@given(sequences_of_tokens)
@example([[256], [255], [1]])
def test_every_distinct_prefix_stands_once(sequences: list[list[int]]) -> None:
    found = prefixes(build_forest(sequences))
    assert len(found) == len(set(found))
    assert set(found) == distinct(sequences)
    assert count_nodes(sequences) == len(found)


@check
@given(sequences_of_tokens)
def test_ends_tell_ancestors(sequences: list[list[int]]) -> None:
    """A node's own tokens begin with those of its ancestors, and of no other node."""
    forest = build_forest(sequences)
    whole = prefixes(forest)
    for i, mine in enumerate(whole):
        for k, other in enumerate(whole):
            above = mine[: len(other)] == other
            assert (k <= i < forest.ends[k]) == above


@check
@given(sequences_of_tokens)
def test_arrays_are_as_good_as_lists(sequences: list[list[int]]) -> None:
    arrays = [array("i", sequence) for sequence in sequences]
    assert build_forest(arrays) == build_forest(sequences)
    assert count_nodes(arrays) == count_nodes(sequences)


def test_the_order_of_sequences_does_not_matter() -> None:
    sequences = SHAPES["branches at several depths"]
    forest, turned = build_forest(sequences), build_forest(sequences[::-1])
    assert (turned.tokens, turned.depths, turned.ends) == (
        forest.tokens,
        forest.depths,
        forest.ends,
    )
    assert turned.paths == forest.paths[::-1]


def test_a_long_sequence() -> None:
    """Longer than any stack of calls is deep."""
    forest = build_forest([[*range(5000)], [*range(4999), 1]])
    assert len(forest.tokens) == 5001
    assert [part.stop - part.start for part in segment(forest, 128)] == [4999, 2]


def test_no_sequences() -> None:
    assert build_forest([]) == Forest([], [], [], [])
    assert count_nodes([]) == 0
    assert segment(build_forest([]), 4) == []


@check
@given(st.lists(tokens, max_size=30), st.lists(tokens, max_size=5), st.lists(tokens, max_size=5))
def test_the_shared_prefix(head: list[int], one: list[int], other: list[int]) -> None:
    first, second = [*head, *one], [*head, *other]
    expected = 0
    while expected < min(len(first), len(second)) and first[expected] == second[expected]:
        expected += 1
    assert shared_prefix(first, second) == expected
    assert shared_prefix(array("i", first), array("i", second)) == expected


@check
@given(st.lists(tokens, max_size=6), st.lists(tokens, max_size=6))
def test_the_sort_key_orders_as_lists_do(one: list[int], other: list[int]) -> None:
    assert (sort_key(one) < sort_key(other)) == (one < other)
    assert sort_key(array("i", one)) == sort_key(one)


# --- segments


def check_segments(forest: Forest, most: int) -> list[Segment]:
    """Check by brute force that each query has its ancestors at hand, and return the segments."""
    segments = segment(forest, most)
    size = len(forest.tokens)
    assert sorted(q for part in segments for q in range(part.start, part.stop)) == list(range(size))
    for part in segments:
        assert part.start < part.stop
        for query in range(part.start, part.stop):
            ancestors = {k for k in range(query + 1) if query < forest.ends[k]}
            at_hand = {*part.trunk, *range(part.start, part.stop)}
            assert ancestors <= at_hand
            assert set(part.trunk) <= ancestors  # the trunk is seen by all, so it needs no mask
    return segments


@shapes
@pytest.mark.parametrize("most", [1, 2, 5, 1000])
def test_every_query_has_its_ancestors(sequences: list[list[int]], most: int) -> None:
    check_segments(build_forest(sequences), most)


@check
@given(sequences_of_tokens, st.integers(1, 12))
def test_every_query_has_its_ancestors_in_any_forest(sequences: list[list[int]], most: int) -> None:
    forest = build_forest(sequences)
    for part in check_segments(forest, most):
        unbranched = all(
            forest.ends[node] == forest.ends[part.start] for node in range(part.start, part.stop)
        )
        assert unbranched or part.stop - part.start <= most


def test_a_small_forest_is_one_segment() -> None:
    forest = build_forest(SHAPES["branches at several depths"])
    assert segment(forest, len(forest.tokens)) == [Segment(0, len(forest.tokens), [])]


def test_small_branches_are_put_together() -> None:
    forest = build_forest([[0, 1, leaf] for leaf in range(2, 8)])
    assert segment(forest, 3) == [
        Segment(0, 2, []),
        Segment(2, 5, [0, 1]),
        Segment(5, 8, [0, 1]),
    ]
