r"""The verifier of MATH: the last ``\boxed{}``, compared as text and then by value.

Values are compared by math-verify, gold answer first, in its strict mode, in processes that may be
killed: sympy computes ``9^{9^{9^9}}`` if it is told to. Such an expression costs its own time limit
and is wrong.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path

from forget.completion import Completion, without_thoughts
from forget.dataset import Verdict
from forget_datasets.answer_text import MAX_VISIBLE_CHARS, find_boxed
from forget_datasets.math.latex import difference, hundredths, same_text, tidy
from forget_datasets.math.pool import Crashed, Pool, TimedOut

__all__ = ["CPU_LIMIT_S", "MAX_ANSWER_CHARS", "compare", "judge", "workers"]

CPU_LIMIT_S = 3
"""Processor time for one comparison [s]; of the dataset's own answers none takes 0.2 s."""

WALL_LIMIT_S = 60
"""When a worker counts as stuck [s]; far above, since a busy machine must change no verdict."""

MEMORY_LIMIT_BYTES = 2 << 30
"""Address space of a worker; an ordinary one has 60 MB."""

MAX_ANSWER_CHARS = 500
"""Longest answer that is read; the dataset's longest has 159 characters."""


def judge(gold: str, completion: Completion) -> Verdict:
    r"""Say whether the last ``\boxed{}`` of a completion is the answer `gold`.

    A completion cut at its length limit counts only if the box was closed before the cut. Text
    inside ``<think>...</think>``, or after a ``<think>`` that was not closed, is never an answer.

    Raises:
        WorkError: The processes that compare values cannot be started.
    """
    truncated = not completion.finished
    boxed = find_boxed(without_thoughts(completion.text)[-MAX_VISIBLE_CHARS:], cut=truncated)
    if boxed is None:
        reason = "cut before it closed a \\boxed{}" if truncated else "no closed \\boxed{} found"
        return Verdict(correct=False, extracted=None, reason=reason, truncated=truncated)
    if boxed.reopened:
        correct, reason = False, "the last \\boxed{} is not closed"
    else:
        correct, reason = compare(gold, boxed.content)
    extracted = boxed.content[:MAX_ANSWER_CHARS]
    return Verdict(correct=correct, extracted=extracted, reason=reason, truncated=truncated)


def compare(gold: str, answer: str) -> tuple[bool, str]:
    """Say whether an answer equals the gold answer, and why.

    Raises:
        WorkError: The processes that compare values cannot be started.
    """
    if not tidy(gold):
        return False, "the example has no answer to compare with"
    if len(answer) > MAX_ANSWER_CHARS:
        return False, f"longer than {MAX_ANSWER_CHARS} characters"
    if not tidy(answer):
        return False, "the \\boxed{} is empty"
    shown = f"{answer[:60]!r}"
    verdict = _compare_tidy(tidy(gold), tidy(answer))
    if not verdict[0] and (hundredths(gold) is None) != (hundredths(answer) is None):
        fraction = _compare_tidy(hundredths(gold) or tidy(gold), hundredths(answer) or tidy(answer))
        verdict = fraction if fraction[0] else verdict
    return verdict[0], f"{shown} {verdict[1]}: {gold[:60]!r}"


def _compare_tidy(gold: str, answer: str) -> tuple[bool, str]:
    if same_text(gold, answer):
        return True, "is the same"
    reason = difference(gold, answer)
    if reason is not None:
        return False, reason
    try:
        reply = workers().ask([gold, answer])
    except TimedOut:
        return False, f"takes more than {CPU_LIMIT_S} s to compare, and counts as wrong"
    except Crashed as error:
        return False, f"cannot be compared ({error})"
    return bool(reply["equal"]), str(reply["reason"])


@cache
def workers() -> Pool:
    """Return the processes that compare values; they are started at the first question."""
    script = Path(__file__).with_name("worker.py")
    limits = (str(CPU_LIMIT_S), str(MEMORY_LIMIT_BYTES))
    # -P: what stands beside the script must not hide a library of the same name.
    return Pool([sys.executable, "-P", str(script), *limits], wall_limit_s=WALL_LIMIT_S)
