"""A teacher that repeats what it hears."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from forget.completion import Completion, Sampling
from forget.hooks import hookimpl
from forget.teacher import Teacher, TeacherOutput, TeacherPrompt


class Parrot:
    """Answers every prompt with its last message."""

    name = "parrot"
    title = "Parrot"
    summary = "Repeats the last message"
    family = "parrot"

    def generate(
        self, prompts: Sequence[TeacherPrompt], sampling: Sampling
    ) -> Iterator[TeacherOutput]:
        """Yield each completion as soon as it is there."""
        for index, prompt in enumerate(prompts):
            words = prompt.messages[-1]["content"].split()
            said = words[: sampling.max_new_tokens]
            yield TeacherOutput(
                index,
                Completion(text=" ".join(said), finished=said == words, tokens=len(said)),
            )


@hookimpl
def forget_teachers() -> Iterable[Teacher]:
    """Yield the teacher."""
    yield Parrot()
