"""The data of a method that writes its own answers: questions, with what their verifier needs."""

from __future__ import annotations

from collections.abc import Sequence

from forget.dataset import Example
from forget.errors import DataError, SettingsError
from forget.inference.loading import load_tokenizer
from forget.inference.tokens import context_window
from forget.method import PrepareTask
from forget.store.manifest import verify
from forget.training.examples import Conversation, Limit, write_examples
from forget.training.masking import Encoded
from forget.training.rollouts.settings import RolloutSettings

__all__ = ["write_questions"]


def write_questions(
    task: PrepareTask, *, verified: bool = True, learn_solutions: bool = False
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

    Raises:
        DataError: No question has an answer, or all prompts are too long.
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

    write_examples(
        task,
        _questions(task, answered),
        {
            "unanswered": len(examples) - len(answered),
            "max_prompt_length": settings.max_prompt_length,
        },
        limit=Limit(fits, f"max_prompt_length={settings.max_prompt_length}"),
    )


def _questions(task: PrepareTask, examples: Sequence[Example]) -> list[Conversation]:
    return [Conversation(e.id, task.dataset.prompt(e), e.solution, example=e) for e in examples]


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
