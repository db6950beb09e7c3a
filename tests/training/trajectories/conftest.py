"""A graded dataset and a teacher that follows a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.completion import Completion, Sampling
from forget.method import PrepareTask
from forget.teacher import TeacherOutput, TeacherPrompt
from forget.testing import Graded, NoData
from forget.training import TrajectorySettings


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
