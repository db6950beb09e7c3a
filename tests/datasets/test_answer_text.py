from __future__ import annotations

import time

import pytest

from forget.completion import without_thoughts
from forget_datasets.answer_text import Boxed, find_boxed


def test_thoughts_are_not_visible() -> None:
    assert without_thoughts("a<think>b</think>c<think>d</think>e") == "ace"
    assert without_thoughts("a</think>b") == "b"
    assert without_thoughts("a<think>b") == "a"
    assert without_thoughts("<think>a<think>b</think>c") == "c"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("none", None),
        ("boxed{1}", None),
        ("\\boxed{1", None),
        ("\\boxed{\\frac{1}{2}", None),
        ("\\boxed{1\\}", None),
        ("\\boxed{1}", Boxed("1", False)),
        ("\\boxed {1}", Boxed("1", False)),
        ("\\boxed{\n1\n}", Boxed("1", False)),
        ("\\fbox{1}", Boxed("1", False)),
        ("\\boxed{}", Boxed("", False)),
        ("\\boxed{\\{1\\}}", Boxed("\\{1\\}", False)),
        ("\\boxed{a\\\\{b}}", Boxed("a\\\\{b}", False)),
        ("\\\\boxed{1}", Boxed("1", False)),
        ("\\boxed{1}\\boxed{2}", Boxed("2", False)),
        ("\\boxed{1\\boxed{2}3}", Boxed("2", False)),
        ("{{\\boxed{1}", Boxed("1", False)),
        ("\\boxed{1} {", Boxed("1", False)),
        ("\\boxed{1} \\boxed{2", Boxed("1", True)),
        ("\\boxed{ \\boxed{1}", Boxed("1", False)),
        ("\\boxed 5 apples", Boxed("5", False)),
        ("\\boxed{5} in \\boxed form", Boxed("5", False)),
        ("\\boxed -12$", Boxed("-12", False)),
    ],
)
def test_the_last_closed_box(text: str, found: Boxed | None) -> None:
    assert find_boxed(text) == found


def test_a_bare_number_at_the_end_of_a_cut_text_may_lack_digits() -> None:
    assert find_boxed("\\boxed 1", cut=True) is None
    assert find_boxed("\\boxed 1 ", cut=True) == Boxed("1", False)
    assert find_boxed("\\boxed{2} \\boxed 1", cut=True) == Boxed("2", False)


@pytest.mark.slow
@pytest.mark.parametrize(
    "unit", ["\\boxed{", "\\boxed ", "\\boxed", "\\", "{", "}", "{}", " ", "1"]
)
def test_time_is_linear_in_the_length(unit: str) -> None:
    text = unit * (300_000 // len(unit))
    start = time.thread_time()
    find_boxed(text + "\\boxed" + text)
    without_thoughts(text)
    assert time.thread_time() - start < 1
