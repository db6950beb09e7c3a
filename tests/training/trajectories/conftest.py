"""A graded dataset and a teacher that follows a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion, Message, Sampling
from forget.dataset import DataAccess, Example, Verdict
from forget.method import PrepareTask
from forget.teacher import TeacherOutput, TeacherPrompt
from forget.training import TrajectorySettings


class Graded:
    """Twelve sums of two difficulties; the last word of a completion is its answer."""

    name = "graded"
    title = "Graded sums"
    summary = "a + b"
    max_new_tokens = 16

    def __init__(self, count: int = 12, unanswered: Sequence[int] = ()) -> None:
        self._count = count
        self._unanswered = unanswered

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
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
        return [
            {"role": "system", "content": "Add."},
            {"role": "user", "content": example.question},
        ]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        said = completion.text.rsplit(maxsplit=1)[-1:] or [None]
        return Verdict(
            correct=bool(example.answer) and said[0] == example.answer,
            extracted=said[0],
            reason="compared as text",
            truncated=not completion.finished,
        )


def number(prompt: TeacherPrompt) -> int:
    """Return the n of "What is n + n?"."""
    return int(prompt.messages[-1]["content"].split()[2])


def says(text: str, *, finished: bool = True, tokens: int | None = None) -> Completion:
    length = len(text.split()) + 1 if tokens is None else tokens
    return Completion(text=text, finished=finished, tokens=length)


def right(n: int) -> Completion:
    return says(f"{n} and {n} make {2 * n}")


Script = Callable[[int, TeacherPrompt], TeacherOutput | Completion | BaseException]


class Scripted:
    """Answers prompt by prompt as the script says, and remembers what it was asked."""

    name = "scripted"
    title = "Scripted"
    summary = "for tests"
    family = "scripted"

    def __init__(self, script: Script) -> None:
        self._script = script
        self.asked: list[TeacherPrompt] = []
        self.samplings: list[Sampling] = []
        self.closed = 0

    def generate(
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        self.samplings.append(sampling)
        try:
            for index, prompt in enumerate(prompts):
                self.asked.append(prompt)
                said = self._script(index, prompt)
                if isinstance(said, BaseException):
                    raise said
                if isinstance(said, Completion):
                    said = TeacherOutput(index, said)
                yield said
        finally:
            self.closed += 1


def settings(**changes: Any) -> TrajectorySettings:
    return TrajectorySettings(**{"samples": 2, "max_length": 128, **changes})


class NoData:
    def rows(self, source: Any, split: str) -> Any:
        raise AssertionError("this dataset reads no rows")


@pytest.fixture
def teach(tiny_model: Path, tmp_path: Path) -> Callable[..., PrepareTask]:
    """Make a task with a scripted teacher; further keywords are settings."""

    def make(
        teacher: Any, dataset: Any = None, output: str = "run/data", **changes: Any
    ) -> PrepareTask:
        return PrepareTask(
            dataset=dataset or Graded(),
            data=NoData(),
            model=tiny_model,
            settings=settings(**changes),
            seed=7,
            output=tmp_path / output,
            teacher=teacher,
            teacher_identity={"kind": "scripted"},
            trajectories=tmp_path / "trajectories",
        )

    return make
