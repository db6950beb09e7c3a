"""What a teacher's prompts become for a model on this machine, and its answers for the teacher."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.completion import Completion, Sampling
from forget.errors import RequestError, WorkError
from forget.inference.chat import (
    WORKED_STOPS,
    beginning,
    has_template,
    render_prompt,
    render_worked,
)
from forget.inference.engine import Complete
from forget.inference.writing import Prompt, as_writing, encode_writing
from forget.teacher import TeacherOutput, TeacherPrompt, TeacherSetup

__all__ = ["Asked", "SetTeacher", "answer_to_worked", "ask", "model_folder", "worked_sampling"]


class SetTeacher:
    """The face of a teacher that a kind has opened.

    Attributes:
        name: See `Teacher`, as are the others.
        title: See `Teacher`.
        summary: See `Teacher`.
        family: See `Teacher`.
    """

    def __init__(self, setup: TeacherSetup) -> None:
        self.name = setup.name
        self.title = setup.title
        self.summary = setup.summary
        self.family = setup.family


@attrs.frozen
class Asked:
    """A prompt as a model is asked it.

    Attributes:
        index: Its place among the teacher's prompts.
        request: The rendered prompt and how its completion is drawn.
        prompt: The same, tokenised.
        worked: It is in the form for base models.
    """

    index: int
    request: Complete
    prompt: Prompt
    worked: bool

    def output(self, answer: Mapping[str, Any]) -> TeacherOutput:
        """Return a model's answer to `request` as the teacher's."""
        completion = Completion(**answer)
        return TeacherOutput(
            self.index, answer_to_worked(completion) if self.worked else completion
        )


def ask(
    tokenizer: Any,
    prompts: Sequence[TeacherPrompt],
    sampling: Sampling,
    window: int,
    *,
    thinking: bool,
    as_evaluated: bool = False,
) -> tuple[list[Asked], list[TeacherOutput]]:
    """Render and tokenise prompts: by the chat template, for base models as worked examples.

    Args:
        tokenizer: The model's tokenizer.
        prompts: What the teacher is asked.
        sampling: How completions are drawn; each prompt has its own seed.
        window: Longest text of the model [tokens], completion included.
        thinking: Let a model with a thinking mode think.
        as_evaluated: Ask base models as they are asked in training and evaluation, without worked
            examples around the question.

    Returns:
        The prompts that can be asked, and an output with the reason for each that cannot.
    """
    from jinja2 import TemplateError

    worked = not has_template(tokenizer) and not as_evaluated
    asked, refused = [], []
    for index, prompt in enumerate(prompts):
        own = attrs.evolve(sampling, seed=prompt.seed)
        try:
            if worked:
                text = beginning(tokenizer) + render_worked(prompt.messages)
                request = Complete(text, worked_sampling(own))
            else:
                text = render_prompt(tokenizer, prompt.messages, thinking=thinking)
                request = Complete(text, own)
            tokens = encode_writing(tokenizer, as_writing(request), window)
        except TemplateError as error:
            problem = f"The model's chat template refuses the messages: {error}"
            refused.append(TeacherOutput(index, None, problem, final=True))
        except WorkError as error:
            refused.append(TeacherOutput(index, None, str(error), final=True))
        else:
            asked.append(Asked(index, request, tokens, worked))
    return asked, refused


def worked_sampling(sampling: Sampling) -> Sampling:
    """Add what ends an answer in the form for base models, which do not end it themselves."""
    return attrs.evolve(sampling, stops=(*sampling.stops, *WORKED_STOPS))


def answer_to_worked(completion: Completion) -> Completion:
    """Take off the white space that belongs to the form: before an answer, before a question."""
    return attrs.evolve(completion, text=completion.text.strip())


def model_folder(setup: TeacherSetup) -> Path:
    """Return the folder of a local teacher's model.

    Raises:
        RequestError: The registry's entry names none.
    """
    if setup.model is None:
        raise RequestError(
            f"The teacher {setup.name!r} has no model to run: write its name, a Hub id's entry or "
            f"a folder's, as `model` into [teachers.{setup.name}]."
        )
    return setup.model
