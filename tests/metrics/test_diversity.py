from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from forget.metrics.diversity import distinct_2


def test_by_hand() -> None:
    """`a b`, `b a`, `a b` and `b c`: three of four differ."""
    assert distinct_2(["a b a b c"]) == 3 / 4


def test_a_loop_is_hardly_varied() -> None:
    assert distinct_2(["so " * 101]) == 1 / 100


def test_bigrams_do_not_reach_into_the_next_text() -> None:
    assert distinct_2(["a b", "b a"]) == 1.0
    assert distinct_2(["a b", "a b"]) == 0.5


@pytest.mark.parametrize("texts", [[], [""], ["one", " two\n", ""]])
def test_nothing_is_known_of_texts_without_two_words(texts: list[str]) -> None:
    assert distinct_2(texts) is None


def test_space_of_any_kind_parts_words() -> None:
    assert distinct_2(["a\n\nb\ta  b"]) == 2 / 3


@pytest.mark.slow
@given(st.lists(st.lists(st.sampled_from("abc"), max_size=8), max_size=5))
def test_against_a_count_of_all_pairs(texts: list[list[str]]) -> None:
    pairs = [(x, y) for words in texts for x, y in pairwise(words)]
    expected = len(set(pairs)) / len(pairs) if pairs else None
    assert distinct_2([" ".join(words) for words in texts]) == expected
