"""The verifier of TriviaQA: one short answer, exactly equal in the official normal form.

The answer is what the last line ``Answer: ...`` says, or the whole completion if it is one line. It
must be equal to an accepted answer; that an accepted answer occurs in it does not count, since a
model could then list many. Normalisation follows the official ``triviaqa_evaluation.py``: lower
case, ASCII punctuation and single typographic quotes become spaces, the words *a*, *an* and *the*
go, white space is collapsed. So "U.S.A." becomes "u s" and "Vitamin A" becomes "vitamin", while
double typographic quotes and accents stay.

Where nothing is left ("A", "@"), the official form would be equal to that of any other such answer.
Those are compared as they are written, but for case and Markdown.
"""

from __future__ import annotations

import json
import re
import string
from collections.abc import Sequence
from functools import lru_cache

from forget.completion import Completion, without_thoughts
from forget.dataset import Verdict
from forget_datasets.answer_text import MAX_VISIBLE_CHARS

__all__ = ["find_answer", "judge", "normalise", "pack_answers"]

MAX_ANSWER_CHARS = 320
"""Longest text that is read as a short answer; the longest accepted one has 282 characters."""

_SPACES = str.maketrans(dict.fromkeys(string.punctuation + "‘’´`", " "))
_ARTICLE = re.compile(r"\b(?:a|an|the)\b")
_ANSWER_LINE = re.compile(
    r"[\s>*_#`-]{0,20}(?:the )?(?:final |short |correct )?answer[*_ ]{0,4}"
    r"(?::|is\b:?)(?P<answer>.*)",
    re.IGNORECASE | re.DOTALL,
)


def judge(answers: str, completion: Completion) -> Verdict:
    """Say whether a completion's short answer is one of `answers`.

    In a completion cut at its length limit the answer's line must have ended before the cut. Text
    inside ``<think>...</think>``, or after a ``<think>`` that was not closed, is never an answer.

    Args:
        answers: The accepted answers as `pack_answers` returns them.
        completion: What the model wrote.
    """
    truncated = not completion.finished
    found = find_answer(completion.text, truncated=truncated)
    accepted, shown = _accepted(answers)
    if found is None:
        correct, reason = False, "no line `Answer: <short answer>` found"
        if truncated:
            reason = "cut before it ended a line `Answer: <short answer>`"
    elif not accepted:
        correct, reason = False, "the example has no answer to compare with"
    elif len(found) > MAX_ANSWER_CHARS:
        correct, reason = False, f"not a short answer: longer than {MAX_ANSWER_CHARS} characters"
    else:
        correct = _form(found) in accepted
        reason = f"{found[:60]!r} is {'' if correct else 'not '}an accepted answer ({shown!r})"
    extracted = None if found is None else found[:MAX_ANSWER_CHARS]
    return Verdict(correct=correct, extracted=extracted, reason=reason, truncated=truncated)


def find_answer(text: str, *, truncated: bool = False) -> str | None:
    """Return the short answer that a completion gives, or None if it gives none.

    Args:
        text: The completion.
        truncated: The text was cut, so its last line may lack characters.
    """
    visible = without_thoughts(text)[-MAX_VISIBLE_CHARS:]
    if truncated:
        visible = visible[: visible.rfind("\n") + 1]
    lines = [line.strip() for line in visible.split("\n") if line.strip()]
    for index in reversed(range(len(lines))):
        match = _ANSWER_LINE.match(lines[index])
        if match is not None:
            return _unmarked(match["answer"]) or _unmarked("".join(lines[index + 1 : index + 2]))
    return _unmarked(lines[0]) if len(lines) == 1 else None


def normalise(text: str) -> str:
    """Return an answer in the official form, which may be empty."""
    return " ".join(_ARTICLE.sub(" ", text.lower().translate(_SPACES)).split())


def pack_answers(answers: Sequence[str]) -> str:
    """Return accepted answers as a JSON list, each form once; the first stays the first."""
    forms: dict[tuple[str, str], str] = {}
    for answer in answers:
        if answer.strip():
            forms.setdefault(_form(answer), answer.strip())
    return json.dumps(list(forms.values()), ensure_ascii=False)


def _form(answer: str) -> tuple[str, str]:
    """Return what two answers must share: the official form or, if it is empty, the spelling."""
    official = normalise(answer)
    if official:
        return official, ""
    plain = " ".join(answer.lower().split())
    return "", plain.rstrip(".") or plain


@lru_cache(maxsize=1024)
def _accepted(answers: str) -> tuple[frozenset[tuple[str, str]], str]:
    """Return the forms of the accepted answers, and the answer to show."""
    try:
        listed = json.loads(answers)
    except ValueError:
        listed = None
    texts = [text for text in listed if isinstance(text, str)] if isinstance(listed, list) else []
    return frozenset(_form(text) for text in texts if text.strip()), (texts or [""])[0]


def _unmarked(text: str) -> str | None:
    """Return a text without Markdown around it, or None if nothing else is there."""
    return text.strip("*_` \t\r\n") or None
