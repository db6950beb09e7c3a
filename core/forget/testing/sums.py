"""A dataset of sums, a teacher who knows them, and a reward that a model can earn by chance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from forget.completion import Completion, Message, Sampling
from forget.dataset import DataAccess, Dataset, Example, Source, Verdict
from forget.errors import DataError
from forget.teacher import TeacherOutput, TeacherPrompt

__all__ = ["Graded", "NoData", "Rows", "SolutionTeacher", "by_length"]


class Graded:
    """Sums of two difficulties; the last word of a completion is its answer.

    Args:
        count: How many there are.
        unanswered: Numbers of those without a gold answer.
    """

    name = "graded"
    title = "Graded sums"
    summary = "a + b"
    max_new_tokens = 16

    def __init__(self, count: int = 12, unanswered: Sequence[int] = ()) -> None:
        self._count = count
        self._unanswered = unanswered

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """Return the sums, the same for every split."""
        return [
            Example(
                id=f"train-{n}",
                question=f"What is {n} + {n}?",
                solution=f"{n} plus {n} is {2 * n}",
                answer="" if n in self._unanswered else str(2 * n),
                level=f"{1 + n % 2} steps",
            )
            for n in range(self._count)
        ]

    def prompt(self, example: Example) -> list[Message]:
        """Ask, with a system's message before."""
        return [
            {"role": "system", "content": "Add."},
            {"role": "user", "content": example.question},
        ]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """Compare the last word."""
        words = completion.text.split()
        said = words[-1] if words else None
        return Verdict(
            correct=bool(example.answer) and said == example.answer,
            extracted=said,
            reason="compared as text",
            truncated=not completion.finished,
        )


class NoData:
    """Access to data for datasets that need none: whoever asks fails."""

    def rows(self, source: Source, split: str) -> Sequence[Mapping[str, Any]]:
        """Refuse."""
        raise AssertionError(
            f"the dataset reads rows of {source.mirror!r}, and there are none here: give it some, "
            "by forget.testing.Rows or a data mirror"
        )


class Rows:
    """Rows that are given, as a data mirror or the Hub would.

    Args:
        splits: The rows of each split, by the name that the dataset asks for.
    """

    def __init__(self, **splits: Sequence[Mapping[str, Any]]) -> None:
        self._splits = splits

    def rows(self, source: Source, split: str) -> Sequence[Mapping[str, Any]]:
        """Return the rows of a split.

        Raises:
            DataError: There are none.
        """
        if split not in self._splits:
            raise DataError(
                f"There are no rows of {source.mirror}'s split {split!r} here, only of "
                f"{', '.join(self._splits) or 'none'}."
            )
        return self._splits[split]


class SolutionTeacher:
    """Answers every question of a dataset with its solution.

    Args:
        dataset: It; its last message is the question.
    """

    name = "solutions"
    title = "Solutions"
    summary = "knows them by heart"
    family = "any"

    def __init__(self, dataset: Dataset) -> None:
        self._known = {
            dataset.prompt(example)[-1]["content"]: example.solution
            for example in dataset.load("train", NoData())
        }

    def generate(
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """Yield the solutions."""
        for index, prompt in enumerate(prompts):
            words = self._known[prompt.messages[-1]["content"]].split(" ")
            said = words[: sampling.max_new_tokens]
            finished = len(said) == len(words)
            yield TeacherOutput(
                index, Completion(text=" ".join(said), finished=finished, tokens=len(said))
            )


def by_length(example: Example, completion: Completion, verdict: Verdict) -> float:
    """Return a hundredth for each character: what a model of random weights writes differs in it.

    Its full name is a value of the setting ``reward``.
    """
    return len(completion.text) / 100
