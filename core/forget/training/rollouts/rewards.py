"""What a completion is worth to a method that learns from rewards."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib import import_module

from forget.completion import Completion
from forget.dataset import Example, Verdict
from forget.errors import SettingsError, WorkError

__all__ = ["Reward", "find_reward", "verified"]

Reward = Callable[[Example, Completion, Verdict], float]
"""Worth of a completion, given what was asked and what the dataset's verifier says of it."""


def verified(example: Example, completion: Completion, verdict: Verdict) -> float:
    """Return 1 for a right answer that the model ended itself, else 0."""
    return float(verdict.correct and completion.finished)


def find_reward(name: str) -> Reward:
    """Return the reward of a name: ``verifier``, or a function as ``MODULE:FUNCTION``.

    The function's failures become a `WorkError` with its name and the question's id.

    Raises:
        SettingsError: There is no such function.
    """
    if name == "verifier":
        return verified
    module, colon, attribute = name.partition(":")
    try:
        if not (module and colon and attribute):
            raise ValueError("it is not of the form MODULE:FUNCTION")
        found = getattr(import_module(module), attribute)
        if not callable(found):
            raise TypeError(f"{attribute} cannot be called")
    except Exception as error:  # whatever an import may raise
        raise SettingsError(
            f"The setting reward={name!r} names no reward: {type(error).__name__}: {error}. Write "
            "verifier, or MODULE:FUNCTION of an importable function that takes example, completion "
            "and verdict, and returns a number."
        ) from error
    return _guarded(name, found)


def _guarded(name: str, reward: Reward) -> Reward:
    def guarded(example: Example, completion: Completion, verdict: Verdict) -> float:
        try:
            worth = float(reward(example, completion, verdict))
        except Exception as error:  # the function is the user's
            raise WorkError(
                f"The reward {name} failed on the question {example.id!r}: "
                f"{type(error).__name__}: {error}. The checkpoints so far are kept; mend it and "
                "run the same command again."
            ) from error
        if not math.isfinite(worth):
            raise WorkError(
                f"The reward {name} of a completion of the question {example.id!r} is {worth}, "
                "which is no finite number. The checkpoints so far are kept; mend it and run the "
                "same command again."
            )
        return worth

    return guarded
