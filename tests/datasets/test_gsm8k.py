from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion
from forget.dataset import Dataset, Source
from forget.errors import DataError
from forget.mirror import Mirror
from forget_datasets import gsm8k
from forget_datasets.gsm8k import Gsm8k

ROW = {
    "question": "Natalia sold 48 clips in April and half as many in May. How many in all?",
    "answer": "She sold 48/2 = <<48/2=24>>24 in May.\nShe sold 48+24 = <<48+24=72>>72.\n#### 1,072",
}


class Rows:
    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self._rows = rows

    def rows(self, source: Source, split: str) -> Iterable[Mapping[str, Any]]:
        return self._rows


def test_is_a_dataset_and_is_yielded_by_the_hook() -> None:
    (found,) = gsm8k.forget_datasets()
    assert isinstance(found, Dataset)
    assert found.name == "gsm8k"


def test_a_row_becomes_an_example() -> None:
    (example,) = Gsm8k().load("train", Rows(ROW))
    assert example.id == "train-00000"
    assert example.question == ROW["question"]
    assert example.solution == ("She sold 48/2 = 24 in May.\nShe sold 48+24 = 72.\n#### 1072")
    assert example.answer == "1072"
    assert example.level == "2 steps"


@pytest.mark.parametrize(
    ("answer", "level"),
    [("It is 1.\n#### 1", "1 step"), ("a\n\nb\nc\n#### 1", "3 steps"), ("#### 1", "0 steps")],
)
def test_the_level_is_the_number_of_lines(answer: str, level: str) -> None:
    (example,) = Gsm8k().load("train", Rows(ROW | {"answer": answer}))
    assert example.level == level


def test_prompt_is_one_user_message_that_asks_for_the_closing_line() -> None:
    (example,) = Gsm8k().load("train", Rows(ROW))
    (message,) = Gsm8k().prompt(example)
    assert message["role"] == "user"
    assert message["content"].startswith(example.question)
    assert "####" in message["content"]


@pytest.mark.parametrize(
    "row",
    [
        {"question": "How many?", "answer": "It is 18."},
        {"question": "How many?", "answer": "It is #### many"},
        {"question": "How many?", "answer": None},
        {"question": "How many?"},
        {},
    ],
)
def test_a_wrong_row_is_named(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="test-00001"):
        Gsm8k().load("test", Rows(ROW, row))


@pytest.mark.slow
@pytest.mark.parametrize(("split", "count"), [("train", 7473), ("test", 1319)])
def test_every_published_answer_verifies(data_root: Path, split: str, count: int) -> None:
    dataset = Gsm8k()
    mirror = Mirror(root=data_root)
    rows = list(mirror.rows(dataset.source, split))
    examples = dataset.load(split, mirror)
    assert len(examples) == len({example.id for example in examples}) == count
    for example, row in zip(examples, rows, strict=True):
        for text in (example.solution, row["answer"]):
            verdict = dataset.verify(example, Completion(text=text, finished=True, tokens=1))
            assert verdict.correct, (example.id, verdict)
        assert "<<" not in example.solution
        assert example.solution.endswith(f"\n#### {example.answer}")


@pytest.mark.slow
def test_another_published_answer_is_rejected(data_root: Path) -> None:
    dataset = Gsm8k()
    examples = dataset.load("test", Mirror(root=data_root))
    for example, other in pairwise(examples):
        completion = Completion(text=other.solution, finished=True, tokens=1)
        verdict = dataset.verify(example, completion)
        assert verdict.correct == (example.answer == other.answer)


SOLUTION = "She sold 48/2 = 24 in May.\nShe sold 48+24 = 72."

ACCEPTED = [
    "#### 72",
    "#### 72.",
    "#### $72",
    "####72",
    "#### 72.0",
    "#### 72.00",
    "#### 144/2",
    "#### 72 clips",
    "#### **72**",
    "#### +72",
    "#### 48+24=72",
    "#### ７２",
    "The answer is 72.",
    "The answer is 72 clips.",
    "\\boxed{72}",
    "$\\boxed{72\\text{ clips}}$",
    "\\boxed{\\frac{144}{2}}",
    "#### 24\nNo, that is May alone.\n#### 72",
    "<think>#### 24</think>\n#### 72",
]

REJECTED = [
    "",
    "72",
    "She sold 72.",
    "####",
    "#### seventy-two",
    "### 72",
    "#### 71",
    "#### 73",
    "#### 7",
    "#### 2",
    "#### 27",
    "#### 720",
    "#### 172",
    "#### 7.2",
    "#### 0.72",
    "#### 72.5",
    "#### 72.01",
    "#### 71.99",
    "#### -72",
    "#### 7,2",
    "#### 7 2",
    "#### 72/2",
    "#### 1/72",
    "#### 72k",
    "#### 72 million",
    "#### 72^2",
    "#### 72!",
    "#### 72 * 2",
    "#### 72 + 1",
    "#### 72 = 73",
    "#### 72 or 73",
    "#### 73 or 72",
    "#### 72, 73",
    "#### 72-73",
    "#### 72 to 73",
    "#### 72 and a half",
    "#### 72½",
    "#### 72:30",
    "#### 72\n#### 24",
    "#### 72\nThe answer is \\boxed{24}.",
    "The answer is not 72.",
    "The answer is 72 or 24.",
    "The answer is between 70 and 72.",
    "\\boxed{72",
    "\\boxed{}",
    "\\boxed{72, 24}",
    "\\boxed{24} #### 72",
    "<think>#### 72",
    "<think>#### 72</think>",
    "<think>#### 72</think> #### 24",
]


def verdict_of(text: str, *, finished: bool = True) -> bool:
    (example,) = Gsm8k().load("train", Rows(ROW | {"answer": f"{SOLUTION}\n#### 72"}))
    completion = Completion(text=text, finished=finished, tokens=1)
    verdict = Gsm8k().verify(example, completion)
    assert verdict.reason
    assert verdict.truncated is not finished
    return verdict.correct


@pytest.mark.parametrize("ending", ACCEPTED)
def test_accepts_the_right_number_after_a_solution(ending: str) -> None:
    assert verdict_of(f"{SOLUTION}\n{ending}")
    assert verdict_of(f"{SOLUTION}\n{ending}\n", finished=False)


@pytest.mark.parametrize("ending", REJECTED)
def test_rejects_near_misses_after_a_right_solution(ending: str) -> None:
    assert not verdict_of(f"{SOLUTION}\n{ending}")


def test_a_cut_completion_needs_a_line_that_ended() -> None:
    assert not verdict_of(f"{SOLUTION}\n#### 72", finished=False)
    assert not verdict_of(f"{SOLUTION}\n#### 7", finished=False)
    assert verdict_of(f"{SOLUTION}\n\\boxed{{72}} an", finished=False)
    assert not verdict_of(f"{SOLUTION}\n\\boxed{{72", finished=False)


def test_there_are_enough_cases() -> None:
    assert len({*REJECTED}) >= 40


def test_a_half_is_not_its_numerator() -> None:
    """The official grader reads 1 from "1/2", and fails 5.0 where 5 is right."""
    (half,) = Gsm8k().load("train", Rows(ROW | {"answer": "#### 1"}))
    (five,) = Gsm8k().load("train", Rows(ROW | {"answer": "#### 5"}))
    completion = Completion(text="#### 1/2", finished=True, tokens=1)
    assert not Gsm8k().verify(half, completion).correct
    completion = Completion(text="#### 5.0", finished=True, tokens=1)
    assert Gsm8k().verify(five, completion).correct


def test_levels_of_the_published_problems(data_root: Path) -> None:
    levels = {e.level for e in Gsm8k().load("train", Mirror(root=data_root))}
    assert levels == {f"{count} steps" for count in range(2, 10)}
