"""The contract of a teacher: a model that writes completions for other models to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple, Protocol, runtime_checkable

from forget.completion import Completion, Message, Sampling

__all__ = ["Teacher", "TeacherOutput"]


class TeacherOutput(NamedTuple):
    """One completion as it arrives.

    Attributes:
        prompt: Index into the prompts that were given.
        sample: Which of the prompt's samples it is, from 0.
        completion: What the teacher wrote.
    """

    prompt: int
    sample: int
    completion: Completion


@runtime_checkable
class Teacher(Protocol):
    """A source of completions.

    Attributes:
        name: The name on the command line.
        title: The name in tables.
        summary: One line.
        family: The model family (``qwen3``, ``llama3``): SF-SFT wants the student's own.
    """

    name: str
    title: str
    summary: str
    family: str

    def generate(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """Yield completions in the order they finish, so that each can be kept at once."""
        ...
