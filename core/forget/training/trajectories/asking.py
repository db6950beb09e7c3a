"""What a teacher is asked: every question several times, after worked examples if need be."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from forget.completion import Message
from forget.dataset import Dataset, Example
from forget.teacher import TeacherPrompt
from forget.training.trajectories.settings import TrajectorySettings

__all__ = ["Ask", "choose_questions", "one_ask", "plan_asks"]


class Ask(NamedTuple):
    """One completion that is wanted.

    Attributes:
        example: What is asked.
        sample: Which of its completions this is, from 0.
        prompt: What the teacher is given.
        key: Hash of the prompt: a completion of another prompt does not answer this.
    """

    example: Example
    sample: int
    prompt: TeacherPrompt
    key: str


def choose_questions(
    examples: Sequence[Example], settings: TrajectorySettings
) -> tuple[list[Example], int]:
    """Return the questions to ask, in their order, and how many were left out without an answer.

    Without a gold answer no completion can be verified, so such a question is never asked. A
    smaller `max_questions` asks a part of what a larger one does.
    """
    answered = [example for example in examples if example.answer.strip()]
    order = list(range(len(answered)))
    Random(settings.sampling_seed).shuffle(order)  # noqa: S311 - a sample, not a secret
    chosen = sorted(order[: settings.max_questions])
    return [answered[index] for index in chosen], len(examples) - len(answered)


def plan_asks(
    dataset: Dataset,
    questions: Sequence[Example],
    pool: Sequence[Example],
    settings: TrajectorySettings,
) -> list[Ask]:
    """Lay out every completion that is wanted: a pure function, so that a re-run asks the same.

    All questions come once before any comes twice: what is there early covers all of them.

    Args:
        dataset: It words the prompts.
        questions: What to ask.
        pool: The examples that worked examples are drawn from; a question is never its own.
        settings: How often, and with how many worked examples.
    """
    # One more than shown, for the question that is itself among them.
    drawn = Random(settings.sampling_seed).sample(  # noqa: S311
        list(pool), min(settings.shots + 1, len(pool))
    )
    asks = []
    for sample in range(settings.samples):
        for example in questions:
            shown = [shot for shot in drawn if shot.id != example.id][: settings.shots]
            messages = worked_prompt(dataset, example, shown)
            asks.append(one_ask(example, messages, sample, settings.sampling_seed))
    return asks


def one_ask(example: Example, messages: Sequence[Message], sample: int, seed: int | str) -> Ask:
    """Return what asks for one completion; its own seed follows from `seed`, id and number."""
    prompt = TeacherPrompt(messages, _seed(seed, example.id, sample))
    return Ask(example, sample, prompt, _key(prompt))


def worked_prompt(dataset: Dataset, example: Example, shots: Sequence[Example]) -> list[Message]:
    """Return the dataset's prompt with worked examples as turns right before its last message."""
    *before, question = dataset.prompt(example)
    turns: list[Message] = []
    for shot in shots:
        turns.append(dataset.prompt(shot)[-1])
        turns.append({"role": "assistant", "content": shot.solution})
    return [*before, *turns, question]


def _seed(seed: int | str, example_id: str, sample: int) -> int:
    """Derive the seed of one completion; below 2^31, which every server takes."""
    digest = hashlib.sha256(f"{seed}/{example_id}/{sample}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def _key(prompt: TeacherPrompt) -> str:
    text = json.dumps([list(prompt.messages), prompt.seed], ensure_ascii=True, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
