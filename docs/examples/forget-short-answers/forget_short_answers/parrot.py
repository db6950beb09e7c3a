"""A teacher that repeats what it hears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from forget.completion import Completion, Message, Sampling
from forget.hooks import hookimpl
from forget.teacher import Teacher, TeacherOutput


class Parrot:
    """Answers every prompt with its last message."""

    name = "parrot"
    title = "Parrot"
    summary = "Repeats the last message"
    family = "parrot"

    def generate(
        self, prompts: Sequence[Sequence[Message]], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """Yield each completion as soon as it is there."""
        for index, messages in enumerate(prompts):
            text = messages[-1]["content"]
            for sample in range(sampling.samples):
                completion = Completion(text=text, finished=True, tokens=len(text.split()))
                yield TeacherOutput(index, sample, completion)


@hookimpl
def forget_teachers() -> Iterable[Teacher]:
    """Yield the teacher."""
    yield Parrot()
