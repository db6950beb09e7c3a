from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forget.completion import Completion
from forget_datasets.numeric_answer import find_answer, judge, normalise, parse_number


def finished(text: str) -> Completion:
    return Completion(text=text, finished=True, tokens=1)


def cut(text: str) -> Completion:
    return Completion(text=text, finished=False, tokens=512)


ACCEPTED = [
    ("18", "#### 18"),
    ("18", "16 - 3 - 4 = 9.\nShe makes 9 * 2 = $18.\n#### 18"),
    ("18", "#### 18."),
    ("18", "#### $18"),
    ("18", "####18"),
    ("18", "##### 18"),
    ("18", "####\n18"),
    ("18", "#### $18.00"),
    ("18", "#### 18 dollars"),
    ("18", "#### 18 dollars per day."),
    ("18", "#### **18**"),
    ("18", "**#### 18**"),
    ("18", "#### `18`"),
    ("18", "#### Answer: 18"),
    ("18", "#### The final answer is 18."),
    ("18", "#### +18"),
    ("18", "#### 20 - 2 = 18"),
    ("18", "#### <number>\n#### 18"),
    ("18", "#### Step 1\nadd\n#### 18"),
    ("18", "#### 17\nWait, that is wrong.\n#### 18"),
    ("18", "The answer is 18."),
    ("18", "So the answer is $18, which is what she earns."),
    ("18", "The answer is 18 because 9 * 2 = 18."),
    ("18", "**Answer:** 18 eggs"),
    ("18", "The final answer is: \\boxed{18}"),
    ("18", "\\boxed{\\$18}"),
    ("18", "$\\boxed{18\\text{ dollars}}$"),
    ("18", "\\boxed{\\boxed{18}}"),
    ("18", "\\boxed{x = 18}"),
    ("18", "\\boxed{17} no, \\boxed{18}"),
    ("18", "{ \\boxed{18}"),
    ("18", "\\boxed{18} #### 20"),
    ("18", "#### $18$"),
    ("18", "#### \\(18\\)"),
    ("18", "#### 18%"),
    ("18", "#### 18\\%"),
    ("18", "#### 18 percent"),
    ("18", "#### １８"),
    ("18", "<think>#### 20</think>#### 18"),
    ("18", "thoughts opened by the template #### 20</think>\n#### 18"),
    ("5", "#### 5.0"),
    ("5.0", "#### 5"),
    ("5", "#### 5."),
    ("0.5", "#### 1/2"),
    ("1/2", "#### 0.5"),
    ("1/2", "#### 1/2"),
    ("1/2", "#### 2/4"),
    ("0.5", "#### .5"),
    ("1/2", "\\boxed{\\frac{1}{2}}"),
    ("1/2", "\\boxed{\\dfrac{1}{2}}"),
    ("1/3", "#### 1⁄3"),
    ("-3", "#### -3"),
    ("-3", "#### −3"),
    ("-3", "#### – 3"),
    ("-3", "#### -$3"),
    ("-3", "#### $-3"),
    ("-1/2", "\\boxed{-\\frac{1}{2}}"),
    ("1080", "#### 1,080"),
    ("1,080", "#### 1080"),
    ("109,200,000", "#### $109,200,000.00"),
    ("1080", "\\boxed{1{,}080}"),
    ("2000000", "#### 2 million"),
    ("3000", "#### 3k"),
    ("1000", "#### 1e3"),
    ("60", "#### 60 km/h"),
    ("9", "#### 9 sq. ft."),
]

REJECTED = [
    ("18", ""),
    ("18", " "),
    ("18", "18"),
    ("18", "She makes $18"),
    ("18", "### 18"),
    ("18", "####"),
    ("18", "#### "),
    ("18", "#### eighteen"),
    ("18", "#### 19"),
    ("18", "#### 180"),
    ("18", "#### 118"),
    ("18", "#### 1 8"),
    ("18", "#### 18.5"),
    ("18", "#### 1.8"),
    ("18", "#### 1,8"),
    ("18", "#### -18"),
    ("18", "#### --18"),
    ("18", "#### −18"),
    ("18", "#### 18 or 20"),
    ("18", "#### 20 or 18"),
    ("18", "#### 18 or twenty"),
    ("18", "#### 18, 20"),
    ("18", "#### 18-20"),
    ("18", "#### 18 to 20"),
    ("18", "#### 18 and a half"),
    ("18", "#### 18½"),
    ("18", "#### 18 1/2"),
    ("18", "#### 18/2"),
    ("18", "#### 18:30"),
    ("18", "#### 18 * 2"),
    ("18", "#### 18^2"),
    ("18", "#### 18!"),
    ("18", "#### 18 million"),
    ("18", "#### 18k"),
    ("18", "#### 18e2"),
    ("18", "#### 18/0"),
    ("18", "#### 1/18"),
    ("18", "#### 18/1/1"),
    ("18", "#### 0.18"),
    ("18", "#### 18 = 20"),
    ("18", "#### 18.0.0"),
    ("18", "#### 18\n#### 20"),
    ("18", "#### 1" + "8" * 5000),
    ("18", "The answer is 18 or 20."),
    ("18", "The answer is not 18."),
    ("18", "The answer is between 18 and 20."),
    ("18", "The answer is 18. Sorry, the answer is 20."),
    ("18", "\\boxed{18"),
    ("18", "\\boxed{}"),
    ("18", "\\boxed{18, 20}"),
    ("18", "\\boxed{18} or rather \\boxed{20}"),
    ("18", "\\boxed{20} #### 18"),
    ("18", "boxed{18}"),
    ("18", "<think>#### 18"),
    ("18", "<think>#### 18</think>"),
    ("18", "<think>#### 18</think>The answer is 20."),
    ("18", "#### 18</think> I do not know"),
    ("0", "#### 1/0"),
    ("0", "####"),
    ("1/3", "#### 0.333"),
    ("1/3", "#### 0.3333333333333333"),
    ("1/2", "#### 1"),
    ("1000", "#### 1.000"),
    ("1000", "#### 1,00"),
    ("1080", "#### 1,08"),
    ("1080", "#### 1080,1"),
    ("1080", "#### 10,80"),
    ("-3", "#### 3"),
    ("3", "#### -3"),
    ("3", "#### 3 - 1"),
    ("50", "#### 0.50 dollars"),
    ("0.5", "#### 50%"),
    ("no number", "#### no number"),
    ("", "####"),
]


@pytest.mark.parametrize(("answer", "text"), ACCEPTED)
def test_accepts_the_right_number_however_written(answer: str, text: str) -> None:
    verdict = judge(answer, finished(text))
    assert verdict.correct, verdict
    assert verdict.extracted == normalise(answer)
    assert not verdict.truncated


@pytest.mark.parametrize(("answer", "text"), REJECTED)
def test_rejects_near_misses(answer: str, text: str) -> None:
    verdict = judge(answer, finished(text))
    assert not verdict.correct, verdict
    assert verdict.reason


def test_there_are_enough_cases() -> None:
    assert len(set(ACCEPTED)) >= 25
    assert len(set(REJECTED)) >= 40


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("She makes 18.\n#### 18", False),
        ("She makes 18.\n#### 18\n", True),
        ("She makes 18.\n#### 18\nNow let us che", True),
        ("#### 18\n#### 1", True),
        ("The answer is 18", False),
        ("The answer is 18.\nLet", True),
        ("So \\boxed{18} and th", True),
        ("So \\boxed{18", False),
        ("<think>\\boxed{18}\n#### 18\n", False),
        ("16 - 3 - 4 =", False),
    ],
)
def test_a_cut_completion_counts_only_with_a_closed_answer(text: str, correct: bool) -> None:
    verdict = judge("18", cut(text))
    assert verdict.correct is correct
    assert verdict.truncated


def test_last_number_counts_in_the_lenient_mode_alone() -> None:
    text = "9 eggs at $2 make $1,080.50"
    assert find_answer(text) is None
    assert judge("1080.5", finished(text), lenient=True).correct
    assert judge("2", finished("20-18=2"), lenient=True).correct
    assert judge("-2", finished("it is -2 degrees"), lenient=True).correct
    assert not judge("2", finished("none"), lenient=True).correct


def test_reasons_say_what_was_found() -> None:
    assert judge("18", finished("#### 20")).reason == "20 is not 18"
    assert judge("18", finished("x")).reason == "no `#### <number>` found"
    assert judge("18", cut("x")).reason == "cut before it gave an answer"
    assert judge("18", finished("#### 18 or 20")).reason == "'18 or 20' is not one number"
    assert "example's answer" in judge("x", finished("#### 18")).reason


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1,234,567", Fraction(1234567)),
        ("-2.50", Fraction(-5, 2)),
        ("1e-3", Fraction(1, 1000)),
        ("1e999999999", None),
        ("9" * 60, Fraction(int("9" * 60))),
        ("9" * 61, None),
        ("", None),
        ("-", None),
        ("nan", None),
        ("inf", None),
        ("٣", None),
    ],
)
def test_numbers_are_read_exactly(text: str, number: Fraction | None) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    ("text", "shortest"),
    [("1,080", "1080"), ("-0.50", "-0.5"), ("2/6", "1/3"), ("5.0", "5"), ("-1/8", "-0.125")],
)
def test_shortest_form(text: str, shortest: str) -> None:
    assert normalise(text) == shortest
    assert parse_number(shortest) == parse_number(text)


ADVERSARIAL = [
    "#", "####", "#### ", "####\n", "#### 1", "#### -", "\\boxed{", "\\boxed{}", "\\boxed ",
    "{", "}", "{}", "\\", "1", "1,", "1,000", "1.", "1/", "-", "- ", "$", " ", "\n", "\t", "*",
    "answer", "answer is ", "answer is 1 ", "answer: ", "answer*", "<think>", "</think>",
    "<think></think>", "a ", "a.", "1 a ", "\\frac{", "\\frac{1}", "\\text{", "e1", "１", "\x00",
    "\ud800", "🙂",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("unit", ADVERSARIAL, ids=ascii)
def test_long_odd_texts_are_judged_quickly(unit: str) -> None:
    body = unit * (100_000 // len(unit))
    for text in (body, "#### 1" + body, "answer is " + body, "\\boxed{" + body + "}"):
        start = time.thread_time()
        judge("18", finished(text), lenient=True)
        assert time.thread_time() - start < 0.1


PIECES = st.sampled_from([*ADVERSARIAL, "18", "2", ".", "%", "/", "</", "=", "or", "million"])


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.text(max_size=80), st.lists(PIECES, max_size=12).map("".join)))
def test_odd_texts_never_raise_and_a_shortest_form_is_stable(text: str) -> None:
    for completion in (finished(text), cut(text), finished("#### " + text)):
        judge("18", completion, lenient=True)
    shortest = normalise(text)
    if shortest is not None:
        assert normalise(shortest) == shortest
