"""Which completions are learned from: the correct and finished ones, under a policy."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import NamedTuple

from forget.completion import Completion, without_thoughts
from forget.dataset import Example, Verdict
from forget.training.trajectories.settings import TrajectorySettings

__all__ = ["Judged", "is_usable", "keep", "learned_text"]

_REPLACEMENT = "\ufffd"


class Judged(NamedTuple):
    """A completion with its verdict.

    Attributes:
        sample: Which of its question's completions it is.
        completion: What the teacher wrote.
        verdict: What the dataset's verifier says of it.
    """

    sample: int
    completion: Completion
    verdict: Verdict


def is_usable(judged: Judged) -> bool:
    """Tell whether a completion may be learned from.

    It must be correct, have ended by itself, and be whole text: one with characters that could not
    be decoded would teach them.
    """
    completion = judged.completion
    whole = bool(completion.text.strip()) and _REPLACEMENT not in completion.text
    return judged.verdict.correct and completion.finished and whole


def keep(
    example: Example,
    judged: Sequence[Judged],
    settings: TrajectorySettings,
    fits: Callable[[str], bool],
) -> list[tuple[int, str]]:
    """Choose what is learned of one question: sample and text, in the order of preference.

    Args:
        example: The question.
        judged: Its completions.
        settings: The policy: `keep`, `keep_per_question`, `min_correct`, `thoughts`.
        fits: Tells whether a text is short enough to be an example; asked only when it matters.
    """
    usable = [item for item in sorted(judged) if is_usable(item)]
    if len(usable) < settings.min_correct:
        return []
    kept: dict[str, int] = {}
    for item in _preferred(example, usable, settings):
        if len(kept) == settings.keep_per_question:
            break
        text = learned_text(item.completion.text, settings)
        if text and _squeezed(text) not in map(_squeezed, kept) and fits(text):
            kept[text] = item.sample
    return [(sample, text) for text, sample in kept.items()]


def learned_text(text: str, settings: TrajectorySettings) -> str:
    """Return a completion as it is learned: with its thoughts or without.

    Thoughts are put into the form that thinking templates write themselves (Qwen3).
    """
    answer = without_thoughts(text).strip()
    if settings.thoughts == "strip" or "</think>" not in text:
        return answer
    before, _, rest = text.rpartition("<think>")
    inside, _, _ = rest.partition("</think>")
    if before.strip() or text.count("</think>") > 1 or text.count("<think>") > 1:
        return ""  # thoughts in another form than templates write: nobody knows where they end
    inside = inside.strip()
    return f"<think>\n{inside}\n</think>\n\n{answer}" if inside and answer else answer


def _preferred(
    example: Example, usable: Sequence[Judged], settings: TrajectorySettings
) -> Iterator[Judged]:
    if settings.keep == "shortest":
        yield from sorted(usable, key=lambda item: (item.completion.tokens, item.sample))
    elif settings.keep == "random":
        rng = Random(f"{settings.sampling_seed}/{example.id}")  # noqa: S311 - not a secret
        yield from rng.sample(usable, len(usable))
    else:
        yield from usable


def _squeezed(text: str) -> str:
    """Return a text without its white space: two that differ in that alone are the same."""
    return "".join(text.split())
