"""A question with its solution told: the prompt of a model that has more to go by."""

from __future__ import annotations

import re
from collections.abc import Sequence

from forget.completion import Message
from forget.errors import SettingsError
from forget.training.examples import Conversation
from forget.training.rollouts.questions import Prompt

__all__ = ["DEMONSTRATION", "check_demonstration", "inform"]

DEMONSTRATION = """{question}

Here is a correct solution:

{solution}

Now solve the problem in your own words."""
"""What a question becomes where its solution is told."""

_PLACES = re.compile(r"\{(question|solution)\}")


def check_demonstration(text: str) -> None:
    """Refuse a text that does not tell question and solution.

    Raises:
        SettingsError: A place is missing.
    """
    missing = {"question", "solution"} - set(_PLACES.findall(text))
    if missing:
        places = " and ".join(f"{{{name}}}" for name in sorted(missing))
        raise SettingsError(
            f"The setting demonstration has no place for {places}. It is the text that tells the "
            "model a solution: write {question} and {solution} where these belong."
        )


def inform(demonstration: str) -> Prompt:
    """Return what puts a question's solution into its prompt, in the place of the last message.

    Args:
        demonstration: The text, with ``{question}`` and ``{solution}``.
    """

    def informed(question: Conversation) -> Sequence[Message]:
        *before, last = question.messages
        told = {"question": last["content"], "solution": question.completion}
        content = _PLACES.sub(lambda place: told[place[1]], demonstration)
        return [*before, {"role": last["role"], "content": content}]

    return informed
