"""What a model is asked and what it writes: messages, sampling parameters, completions."""

from __future__ import annotations

from typing import Literal, TypedDict

import attrs

__all__ = ["Completion", "Message", "Sampling", "without_thoughts"]


class Message(TypedDict):
    """One turn of a chat, in the form every chat template takes.

    Attributes:
        role: Who speaks.
        content: What is said.
    """

    role: Literal["system", "user", "assistant"]
    content: str


@attrs.frozen(kw_only=True)
class Sampling:
    """How completions are drawn.

    Attributes:
        max_new_tokens: Longest completion [tokens], end-of-turn token included.
        temperature: 0 is greedy decoding.
        top_p: Nucleus mass; 1 keeps the whole distribution.
        top_k: Number of most likely tokens kept; 0 keeps all.
        seed: Seed of the random numbers; the same seed gives the same completions on one machine.
        stops: Texts that end a completion, for models that do not end it themselves.
    """

    max_new_tokens: int
    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int = 0
    seed: int = 0
    stops: tuple[str, ...] = ()


@attrs.frozen(kw_only=True)
class Completion:
    """What a model wrote for one prompt.

    Attributes:
        text: The completion without special tokens.
        finished: The model ended its turn itself; False means it was cut at `max_new_tokens`.
        tokens: Length of the completion [tokens], end-of-turn token included.
    """

    text: str
    finished: bool
    tokens: int


def without_thoughts(text: str) -> str:
    """Return a completion without its thoughts: ``<think>...</think>``.

    What stands before a ``</think>`` that was never opened is a thought too: some chat templates
    open it in the prompt. After a ``<think>`` that was not closed all is thought.
    """
    first, *others = text.split("<think>")
    parts = [first.rpartition("</think>")[2]]
    parts += [part.rpartition("</think>")[2] for part in others if "</think>" in part]
    return "".join(parts)
