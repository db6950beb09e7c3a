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


def test_another_published_answer_is_rejected(data_root: Path) -> None:
    dataset = Gsm8k()
    examples = dataset.load("test", Mirror(root=data_root))
    for example, other in pairwise(examples):
        completion = Completion(text=other.solution, finished=True, tokens=1)
        verdict = dataset.verify(example, completion)
        assert verdict.correct == (example.answer == other.answer)
