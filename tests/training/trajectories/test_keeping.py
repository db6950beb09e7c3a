from __future__ import annotations

from typing import Any

import pytest

from forget.completion import Completion
from forget.dataset import Example
from forget.training.trajectories.keeping import Judged, is_usable, keep, learned_text
from training.trajectories.conftest import Graded, says, settings

FOUR = Example(id="q", question="What is 2 + 2?", solution="4", answer="4")


def judged(*completions: Completion) -> list[Judged]:
    return [Judged(n, c, Graded().verify(FOUR, c)) for n, c in enumerate(completions)]


def kept(*completions: Completion, limit: int = 1000, **changes: Any) -> list[tuple[int, str]]:
    return keep(FOUR, judged(*completions), settings(**changes), lambda text: len(text) <= limit)


def test_first_correct_one_is_kept() -> None:
    assert kept(says("5"), says("it is 4"), says("4")) == [(1, "it is 4")]


def test_shortest_by_tokens() -> None:
    found = kept(says("it is 4", tokens=9), says("so 4", tokens=3), says("4", tokens=5),
                 keep="shortest")  # fmt: skip
    assert found == [(1, "so 4")]


def test_random_follows_the_sampling_seed_and_the_question() -> None:
    completions = [says(f"{word} 4") for word in ("a", "b", "c", "d")]
    found = [kept(*completions, keep="random", sampling_seed=seed) for seed in range(30)]
    assert found == [kept(*completions, keep="random", sampling_seed=seed) for seed in range(30)]
    assert {sample for [(sample, _)] in found} == {0, 1, 2, 3}


def test_up_to_m_distinct_ones() -> None:
    completions = (says("so 4"), says("so  4"), says("4"), says("it is 4"))
    assert kept(*completions, keep_per_question=2) == [(0, "so 4"), (2, "4")]
    assert kept(*completions, keep_per_question=9) == [(0, "so 4"), (2, "4"), (3, "it is 4")]


def test_at_least_c_correct_of_k() -> None:
    completions = (says("4"), says("5"), says("so 4"))
    assert kept(*completions, min_correct=2) == [(0, "4")]
    assert kept(*completions, min_correct=3) == []


@pytest.mark.parametrize(
    "completion",
    [
        says("it is 4", finished=False),
        says("5"),
        says(""),
        says(" \n"),
        says("\ufffd 4"),
    ],
)
def test_what_is_not_learned_from(completion: Completion) -> None:
    [item] = judged(completion)
    assert not is_usable(item)
    assert kept(completion) == []


def test_one_that_is_too_long_makes_way_for_one_that_fits() -> None:
    assert kept(says("a very long way to 4"), says("so 4"), limit=6) == [(1, "so 4")]
    assert kept(says("a very long way to 4"), limit=6) == []


def test_order_of_arrival_does_not_matter() -> None:
    completions = judged(says("a 4"), says("b 4"), says("c 4"))
    found = keep(FOUR, completions[::-1], settings(), lambda text: True)
    assert found == [(0, "a 4")]


THOUGHT = "<think>two and two</think>It is 4"


@pytest.mark.parametrize(
    ("text", "stripped", "whole"),
    [
        (THOUGHT, "It is 4", "<think>\ntwo and two\n</think>\n\nIt is 4"),
        ("two and two\n</think>\n\n4", "4", "<think>\ntwo and two\n</think>\n\n4"),
        ("<think>\n\n</think>\n\n4", "4", "4"),
        ("<think>it is 4</think>", "", ""),
        ("  just 4 ", "just 4", "just 4"),
        ("4 <think>never closed", "4", "4"),
    ],
)
def test_thoughts_are_stripped_or_kept(text: str, stripped: str, whole: str) -> None:
    assert learned_text(text, settings(thoughts="strip")) == stripped
    assert learned_text(text, settings(thoughts="keep")) == whole


@pytest.mark.parametrize(
    "text",
    [
        "<think>a</think>X<think>b</think> 4",
        "<think>say </think> here</think> 4",
        "<think>say <think> here</think> 4",
        "first this <think>a</think> 4",
    ],
)
def test_thoughts_in_another_form_are_not_kept(text: str) -> None:
    assert learned_text(text, settings(thoughts="keep")) == ""
    assert learned_text(text, settings(thoughts="strip")).endswith("4")


def test_nothing_but_thoughts_is_not_kept() -> None:
    [item] = judged(says("<think>it is 4</think>"))
    assert learned_text(item.completion.text, settings()) == ""
    right = Judged(0, item.completion, Graded().verify(FOUR, says("4")))
    assert is_usable(right)
    assert keep(FOUR, [right], settings(), lambda text: True) == []
