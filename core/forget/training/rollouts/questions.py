"""The data of a method that writes its own answers: questions, with what their verifier needs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from forget.completion import Message
from forget.dataset import Example
from forget.errors import DataError, SettingsError
from forget.inference.loading import load_tokenizer
from forget.inference.tokens import context_window
from forget.method import PrepareTask
from forget.store.manifest import verify
from forget.training.examples import Conversation, Limit, write_examples
from forget.training.masking import Encoded, encode_prompt
from forget.training.rollouts.settings import RolloutSettings

__all__ = ["Prompt", "as_it_is", "write_questions"]

Prompt = Callable[[Conversation], Sequence[Message]]
"""What a model is given of a question."""


def as_it_is(question: Conversation) -> Sequence[Message]:
    """Give the dataset's own prompt."""
    return question.messages


def write_questions(
    task: PrepareTask,
    *,
    verified: bool = True,
    learn_solutions: bool = False,
    informed: Prompt | None = None,
) -> None:
    """Write the training questions of a run, unless they are there already.

    Those whose prompt is longer than ``max_prompt_length`` are left out and counted in the
    manifest.

    Args:
        task: The task handed to `Method.prepare`; its settings are `RolloutSettings`.
        verified: Questions without a gold answer are left out too, and counted: nothing that is
            written for them could be verified.
        learn_solutions: The dataset's own solution is trained on too, so that prompt and solution
            must fit ``max_length``.
        informed: A second prompt that tells the solution. Questions without one, or for which this
            prompt is longer than ``max_prompt_length``, are left out too, and counted.

    Raises:
        DataError: No question has an answer or, if it is told, a solution; or all prompts are too
            long.
        SettingsError: Prompts and completions of that length do not fit the model's window.
    """
    if verify(task.output) is not None:
        return
    settings: RolloutSettings = task.settings
    _check_window(task)
    examples = task.dataset.load("train", task.data)
    answered = [example for example in examples if example.answer.strip() or not verified]
    if not answered:
        raise DataError(
            f"No question of the dataset {task.dataset.name!r} has a gold answer, so nothing that "
            "the model writes could be verified. Choose a dataset with answers, or a method that "
            "needs no verifier."
        )

    def fits(encoded: Encoded) -> bool:
        prompt = encoded.completion_mask.count(0)
        whole = len(encoded.input_ids) if learn_solutions else 0
        return prompt <= settings.max_prompt_length and whole <= settings.max_length

    questions = _questions(task, answered)
    informable = questions if informed is None else _informable(task, questions, informed)
    write_examples(
        task,
        informable,
        {
            "unanswered": len(examples) - len(answered),
            "uninformed": len(questions) - len(informable),
            "max_prompt_length": settings.max_prompt_length,
        },
        limit=Limit(fits, f"max_prompt_length={settings.max_prompt_length}"),
    )


def _questions(task: PrepareTask, examples: Sequence[Example]) -> list[Conversation]:
    return [Conversation(e.id, task.dataset.prompt(e), e.solution, example=e) for e in examples]


def _informable(
    task: PrepareTask, questions: Sequence[Conversation], informed: Prompt
) -> list[Conversation]:
    """Return the questions with a solution that fits into a prompt."""
    tokenizer, longest = load_tokenizer(task.model), task.settings.max_prompt_length
    solved = [question for question in questions if question.completion.strip()]
    found = [q for q in solved if len(encode_prompt(tokenizer, informed(q))) <= longest]
    if not found:
        raise DataError(
            f"Of {len(questions):,} questions of the dataset {task.dataset.name!r} {len(solved):,} "
            "have a solution, and none can be told in a prompt of "
            f"max_prompt_length={longest} tokens. Raise it with --set max_prompt_length=N, or "
            "choose a method that tells no solution."
        )
    return found


def _check_window(task: PrepareTask) -> None:
    settings: RolloutSettings = task.settings
    window = context_window(task.model, load_tokenizer(task.model))
    completion = settings.sampling(task.dataset.max_new_tokens).max_new_tokens
    if settings.max_prompt_length + completion > window:
        raise SettingsError(
            f"Prompts of up to max_prompt_length={settings.max_prompt_length} tokens and "
            f"completions of up to max_completion_length={completion} do not fit the model's "
            f"context window of {window} tokens together. Lower one of them with --set."
        )
