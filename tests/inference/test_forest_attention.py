"""Attention over a forest against its definition, node by node. Legend as in the source."""

from __future__ import annotations

import random
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from forget.errors import UnsupportedModelError
from forget.inference.attention import NAME, attending, register
from forget.inference.forest import Forest, build_forest
from forget.inference.forest_attention import layout

CPU = torch.device("cpu")
LAYER = SimpleNamespace(layer_idx=0)


def questions(count: int, seed: int = 0) -> list[list[int]]:
    """Sequences with a common start, contexts of their own and a few continuations each."""
    drawn = random.Random(seed)
    start = [drawn.randrange(90) for _ in range(30)]
    contexts = [
        [*start, *(drawn.randrange(90) for _ in range(drawn.randint(3, 60)))] for _ in range(count)
    ]
    return [
        [*context, *(drawn.randrange(90) for _ in range(drawn.randint(1, 9)))]
        for context in contexts
        for _ in range(3)
    ]


FORESTS = {
    "one token": [[5]],
    "one sequence": [list(range(40))],
    "an unbranched way longer than a segment": [list(range(300)), [*range(290), 1, 2, 3]],
    "many small trees": [[i, j] for i in range(90) for j in range(3)],
    "questions": questions(12),
    "a prefix of another": [[1, 2, 3, 4], [1, 2], [1, 2, 3, 4]],
}
forests = pytest.mark.parametrize("sequences", FORESTS.values(), ids=FORESTS)


def states(
    forest: Forest, heads: int = 4, shared: int = 2, sizes: tuple[int, int] = (8, 8), seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Draw queries [1, H, N, D], keys and values [1, H / G, N, D]; values may differ in D."""
    generator = torch.Generator().manual_seed(seed)
    nodes = len(forest.tokens)
    query = torch.randn(1, heads, nodes, sizes[0], generator=generator)
    key = torch.randn(1, shared, nodes, sizes[0], generator=generator)
    return query, key, torch.randn(1, shared, nodes, sizes[1], generator=generator)


def by_definition(
    forest: Forest,
    states: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    scaling: float,
    window: int | None = None,
) -> torch.Tensor:
    """Attend from each node to the last `window` nodes of its own path, itself included."""
    query, key, value = (x[0].double() for x in states)
    groups = query.shape[0] // key.shape[0]
    key, value = key.repeat_interleave(groups, 0), value.repeat_interleave(groups, 0)
    above: dict[int, list[int]] = {}
    for path in forest.paths:
        above |= {node: path[: depth + 1] for depth, node in enumerate(path)}
    rows = []
    for node in range(len(forest.tokens)):
        seen = above[node] if window is None else above[node][-window:]
        scores_HK = torch.einsum("hd,hkd->hk", query[:, node], key[:, seen]) * scaling
        rows.append(torch.einsum("hk,hkd->hd", scores_HK.softmax(-1), value[:, seen]))
    return torch.stack(rows)[None].float()


def attend(forest: Forest, states: Any, scaling: float | None, window: int | None = None) -> Any:
    return layout(forest, CPU).attend(LAYER, *states, scaling, window)


@pytest.mark.slow
@forests
@pytest.mark.parametrize("window", [None, 1, 7, 1000])
def test_each_node_sees_its_own_path(sequences: list[list[int]], window: int | None) -> None:
    forest = build_forest(sequences)
    drawn = states(forest)
    found = attend(forest, drawn, 0.4, window)
    assert found.shape == (1, len(forest.tokens), 4, 8)
    torch.testing.assert_close(
        found, by_definition(forest, drawn, 0.4, window), rtol=1e-5, atol=1e-5
    )


@settings(deadline=None, max_examples=25)
@given(
    st.lists(st.lists(st.integers(0, 2), min_size=1, max_size=14), min_size=1, max_size=14),
    st.one_of(st.none(), st.integers(1, 6)),
)
def test_each_node_sees_its_own_path_in_any_forest(
    sequences: list[list[int]], window: int | None
) -> None:
    forest = build_forest(sequences)
    drawn = states(forest)
    torch.testing.assert_close(
        attend(forest, drawn, 0.4, window),
        by_definition(forest, drawn, 0.4, window),
        rtol=1e-5,
        atol=1e-5,
    )


@pytest.mark.parametrize("shared", [1, 2, 4])
@pytest.mark.parametrize("sizes", [(8, 8), (12, 6)])
def test_heads_that_share_keys(shared: int, sizes: tuple[int, int]) -> None:
    forest = build_forest(FORESTS["questions"])
    drawn = states(forest, shared=shared, sizes=sizes)
    expected = by_definition(forest, drawn, sizes[0] ** -0.5, 9)
    found = attend(forest, drawn, None, 9)  # the usual scaling
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_one_layout_serves_layers_of_all_kinds() -> None:
    """Masks are kept between layers; those with and without a window must not be taken alike."""
    forest = build_forest(FORESTS["questions"])
    shape = layout(forest, CPU)
    for seed, (window, shared) in enumerate([(None, 2), (7, 2), (None, 4), (7, 2), (None, 2)]):
        drawn = states(forest, shared=shared, seed=seed)
        found = shape.attend(LAYER, *drawn, 0.4, window)
        expected = by_definition(forest, drawn, 0.4, window)
        torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_other_branches_are_not_seen_at_all() -> None:
    """Not even as a rounding: a number that is none would show."""
    forest = build_forest([[1, 2, 3], [1, 4, 5], [6, 7]])
    query, key, value = states(forest)
    before = attend(forest, (query, key, value), 0.4)
    hidden = forest.paths[1][1:] + forest.paths[2]
    key, value = key.clone(), value.clone()
    key[:, :, hidden] = 1e30
    value[:, :, hidden] = 1e30
    after = attend(forest, (query, key, value), 0.4)
    assert torch.equal(after[:, forest.paths[0]], before[:, forest.paths[0]])


@forests
def test_every_row_sees_something(sequences: list[list[int]]) -> None:
    """Padding too: a row that sees nothing would be no number, and slow on some machines."""
    for bucket in layout(build_forest(sequences), CPU).buckets:
        assert (bucket.ahead >= 0).any(-1).all()


def test_half_precision() -> None:
    forest = build_forest(FORESTS["questions"])
    drawn = states(forest)
    halved = tuple(x.bfloat16() for x in drawn)
    found = attend(forest, halved, 0.4, 20)
    assert found.dtype == torch.bfloat16
    expected = by_definition(forest, halved, 0.4, 20)
    torch.testing.assert_close(found.float(), expected, rtol=0.05, atol=0.05)


# --- as transformers calls it


@pytest.fixture
def called() -> Any:
    """The function that transformers finds under the name."""
    from transformers import AttentionInterface

    register()
    return AttentionInterface()[NAME]


def test_the_current_layout_is_asked(called: Any) -> None:
    one, other = build_forest([[1, 2, 3]]), build_forest([[1, 2], [3]])
    drawn = states(one)
    options = {"scaling": 0.4, "sliding_window": 2, "dropout": 0.0, "position_ids": None}
    with attending(layout(one, CPU)):
        with attending(layout(other, CPU)):
            inner, weights = called(LAYER, *drawn, None, **options)
        outer, _ = called(LAYER, *drawn, None, **options)
    assert weights is None
    assert torch.equal(inner, attend(other, drawn, 0.4, 2))
    assert torch.equal(outer, attend(one, drawn, 0.4, 2))
    with pytest.raises(AssertionError, match="outside"):
        called(LAYER, *drawn, None)


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        ({"softcap": 50.0}, "softcap"),
        ({"s_aux": torch.zeros(4)}, "attention sinks"),
        ({"position_bias": torch.zeros(1)}, "position_bias"),
    ],
)
def test_what_only_a_layers_own_attention_does(
    called: Any, extra: dict[str, Any], said: str
) -> None:
    forest = build_forest([[1, 2, 3]])
    with (
        attending(layout(forest, CPU)),
        pytest.raises(UnsupportedModelError, match=f"attention layers use {said}"),
    ):
        called(LAYER, *states(forest), None, **extra)


def test_a_mask_of_a_layers_own(called: Any) -> None:
    forest = build_forest([[1, 2, 3]])
    with attending(layout(forest, CPU)), pytest.raises(UnsupportedModelError, match="a mask"):
        called(LAYER, *states(forest), torch.zeros(1, 1, 3, 3))
