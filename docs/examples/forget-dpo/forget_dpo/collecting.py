"""Where pairs come from: a file, or the base model's own answers, sorted by the verifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

from forget.completion import Completion, Sampling
from forget.dataset import Example
from forget.inference.machine import resolve_machine
from forget.inference.teacher_in_process import TransformersTeacher
from forget.inference.teacher_settings import TransformersSettings
from forget.method import PrepareTask
from forget.teacher import TeacherSetup
from forget.training import Conversation
from forget.training.precision import computed_in
from forget.training.trajectories.asking import one_ask

from forget_dpo.pairs import read_pairs


def pairs_of(task: PrepareTask) -> Iterator[Conversation]:
    """Yield the pairs of a run in a stable order; two equal answers teach nothing."""
    pairs = read_pairs(task.settings.pairs) if task.settings.pairs else collected(task)
    return (pair for pair in pairs if pair.completion.strip() != (pair.rejected or "").strip())


def collected(task: PrepareTask) -> Iterator[Conversation]:
    """Ask the base model, and pair a right answer with a wrong one.

    Where it has no right answer the dataset's solution is preferred; where it has no wrong one
    there is no pair. Of an answer that was cut a model would learn to end in the middle.
    """
    questions = _questions(task)
    for example, answers in zip(questions, _answers(task, questions), strict=True):
        right, wrong = [], []
        for answer in answers:
            correct = task.dataset.verify(example, answer).correct
            if correct and answer.finished:
                right.append(answer.text)
            elif not correct and (answer.finished or task.settings.keep_truncated):
                wrong.append(answer.text)
        preferred = [*right, example.solution][0]
        if preferred and wrong:
            yield Conversation(
                example.id, task.dataset.prompt(example), preferred, rejected=wrong[0]
            )


def _questions(task: PrepareTask) -> list[Example]:
    """Draw the questions to ask; one without a gold answer has nothing to verify by."""
    examples = [e for e in task.dataset.load("train", task.data) if e.answer.strip()]
    count = min(task.settings.questions, len(examples))
    chosen = sorted(Random(task.seed).sample(range(len(examples)), count))
    return [examples[index] for index in chosen]


def _answers(task: PrepareTask, questions: Sequence[Example]) -> list[list[Completion]]:
    """Return the base model's answers to each question, drawn at temperature 1: its own policy."""
    settings = task.settings
    machine = resolve_machine("auto", computed_in(settings.dtype))
    setup = TeacherSetup(
        name="base",
        title="the base model",
        summary="the model before the training",
        family="any",
        model=task.model,
        settings=TransformersSettings(),
        device=machine.device,
        dtype=machine.dtype,
    )
    base = TransformersTeacher(setup, task.model, as_evaluated=True)
    prompts = [
        one_ask(example, task.dataset.prompt(example), sample, task.seed).prompt
        for example in questions
        for sample in range(settings.samples)
    ]
    sampling = Sampling(max_new_tokens=task.dataset.max_new_tokens, temperature=1.0)
    written: dict[int, Completion] = {}
    with task.progress.task("the base answers", len(prompts)) as advance:
        for output in base.generate(prompts, sampling):
            if output.completion is not None:  # none where the prompt is too long
                written[output.prompt] = output.completion
            advance(1)
    return [
        [written[k] for k in range(first, first + settings.samples) if k in written]
        for first in range(0, len(prompts), settings.samples)
    ]
