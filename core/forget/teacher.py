"""The contract of a teacher: a model that writes completions for other models to learn from.

A plugin brings a teacher as it stands (`Teacher`), or a kind of teachers (`TeacherKind`): a way of
running models, of which an entry of the registry makes a teacher by naming a model and settings.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import attrs

from forget.completion import Completion, Message, Sampling
from forget.settings import setting

__all__ = [
    "Teacher",
    "TeacherKind",
    "TeacherOutput",
    "TeacherPrompt",
    "TeacherSettings",
    "TeacherSetup",
]


class TeacherPrompt(NamedTuple):
    """What a teacher is asked: one completion.

    Attributes:
        messages: The chat that it goes on with.
        seed: Seed of this completion, over `Sampling.seed`: several samples of one question differ
            in it alone.
    """

    messages: Sequence[Message]
    seed: int


class TeacherOutput(NamedTuple):
    """The answer to one prompt as it arrives.

    Attributes:
        prompt: Index into the prompts that were given.
        completion: What the teacher wrote; None if it could not be had.
        problem: Why it could not be had, in a few words.
        final: The problem lies in the prompt (it is too long, say): the others are learned from
            without it. Otherwise the work stops in the end, and a re-run asks it again.
    """

    prompt: int
    completion: Completion | None
    problem: str = ""
    final: bool = False


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
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """Yield one output for each prompt in the order they finish, so that each is kept at once.

        What the teacher needs (a model in memory, a connection) is opened when the first output
        is asked for and closed with the generator, so that training has the memory afterwards.

        Raises:
            WorkError: The teacher cannot go on; what was yielded is kept.
        """
        ...


@attrs.frozen(kw_only=True)
class TeacherSettings:
    """Settings that teachers of every kind have; a kind's own class inherits them."""

    thinking: bool = setting(
        False, "let a model with a thinking mode think before it answers (Qwen3)"
    )


@attrs.frozen(kw_only=True)
class TeacherSetup:
    """What core hands to `TeacherKind.open`.

    Attributes:
        name: The name on the command line.
        title: The name in tables.
        summary: One line.
        family: The family of its model.
        model: Folder of its model; None for a kind that is not `local`.
        settings: The kind's resolved settings.
        device: ``cpu``, ``cuda`` or ``mps``.
        dtype: ``float32`` or ``bfloat16``.
    """

    name: str
    title: str
    summary: str
    family: str
    model: Path | None
    settings: Any
    device: str = "cpu"
    dtype: str = "float32"


@runtime_checkable
class TeacherKind(Protocol):
    """A way of running models as teachers.

    Attributes:
        name: What a registry entry calls it: ``kind = "vllm"``.
        title: The name in tables.
        summary: One line.
        local: It runs a model folder on this machine, which core finds or fetches; otherwise its
            settings say whom to ask.
    """

    name: str
    title: str
    summary: str
    local: bool

    @property
    def settings(self) -> type[TeacherSettings]:
        """Its settings class. Those marked `technical` do not change what is written."""
        ...

    def check(self, settings: Any) -> None:
        """Find what is wrong without loading or asking anything.

        Raises:
            RequestError: A package, a key or a setting is missing; says what to do.
        """
        ...

    def open(self, setup: TeacherSetup) -> Teacher:
        """Make a teacher; nothing is loaded before its `generate` is used."""
        ...
