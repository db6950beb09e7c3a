"""What the generators share: seeded randomness, drawing distractors, placing the answer."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

ITEMS = 100
"""Items of a benchmark, unless its module says otherwise."""

_MAX_ROUNDS = 20

Table = Sequence[tuple[str, str]]
"""Rows of (question, answer). No answer is also right for another row's question."""

Doc = dict[str, Any]
"""One item, as the templates of the task's YAML read it."""


class Question(NamedTuple):
    """A question with its right answer and the wrong ones, not yet in any order."""

    text: str
    answer: str
    distractors: tuple[str, ...]


def seeded(benchmark: str) -> random.Random:
    """Return the benchmark's own generator: the same items on every machine."""
    # A string is hashed with SHA-512 here, so PYTHONHASHSEED has no say.
    return random.Random(f"forget/{benchmark}/1")  # noqa: S311


def draw_distractors(
    tables: Iterable[Table], choices: int, rng: random.Random, count: int = ITEMS
) -> list[Question]:
    """Ask every row, with answers of other rows of its table as distractors.

    Args:
        tables: Each must hold at least `choices` distinct answers.
        choices: Answers to choose from, the right one included.
        rng: Source of order and distractors.
        count: Questions to return. When there are fewer rows than that, rows are asked again
            with other distractors.
    """
    rows = [(text, answer, table) for table in tables for text, answer in table]

    def one_round() -> Iterator[Question]:
        for text, answer, table in rng.sample(rows, len(rows)):
            others = dict.fromkeys(other for _, other in table if other != answer)
            yield Question(text, answer, tuple(rng.sample(list(others), choices - 1)))

    return take_distinct((question for _ in range(_MAX_ROUNDS) for question in one_round()), count)


def take_distinct(questions: Iterable[Question], count: int = ITEMS) -> list[Question]:
    """Return the first `count` questions that differ in more than the order of their choices.

    Raises:
        ValueError: There are fewer than that.
    """
    distinct: dict[tuple[str, ...], Question] = {}
    for question in questions:
        key = (question.text, question.answer, *sorted(question.distractors))
        distinct.setdefault(key, question)
        if len(distinct) == count:
            return list(distinct.values())
    raise ValueError(f"only {len(distinct)} distinct questions, {count} are needed")


def place_answers(questions: Sequence[Question], rng: random.Random) -> list[Doc]:
    """Turn questions into items whose right answers stand equally often in each position.

    Returns:
        Items with `question`, `choices` and `answer`, the position of the right choice.
    """
    order = rng.sample(range(len(questions)), len(questions))
    docs = []
    for question, rank in zip(questions, order, strict=True):
        position = rank % (len(question.distractors) + 1)
        choices = list(question.distractors)
        choices.insert(position, question.answer)
        docs.append({"question": question.text, "choices": choices, "answer": position})
    return docs


def as_test_split(docs: list[Doc]) -> dict[str, Any]:
    """Return what lm-eval's `custom_dataset` must: a mapping from split to `datasets.Dataset`."""
    from datasets import Dataset

    return {"test": Dataset.from_list(docs)}
