r"""Find the number a completion ends with, and compare it with the right one exactly.

The answer is looked for in this order: the last balanced ``\boxed{}``, the last ``#### n``, the
last "answer is n", and, in the lenient mode only, the last number of the text. Numbers are
compared as fractions after ``$``, ``,``, ``%``, units and a trailing full stop are taken away,
where the official GSM8K grader compares texts (it fails "#### 18." for 18, "#### $18", "####18",
and 5.0 for 5).

The last form wins over an earlier one because models correct themselves. Text that leaves the
number open ("18 or 20", "18 and a half") is wrong, whichever of them is right. Every step is
linear in the length of the text.
"""

from __future__ import annotations

import re
from fractions import Fraction

from forget.completion import Completion, without_thoughts
from forget.dataset import Verdict
from forget_datasets.answer_text import (
    MAX_VISIBLE_CHARS,
    PLAIN_CHARACTERS,
    find_boxed,
)

__all__ = ["find_answer", "judge", "normalise", "parse_number"]

MAX_ANSWER_CHARS = 160
"""Longest text that is read as an answer; more than that is not a number a person would write."""

MAX_DIGITS = 60
"""Most digits of a number; Python refuses to read integers beyond 4,300 and slows down before."""

MAX_CANDIDATES = 200
"""How many marks (``####``, "answer is") are looked at, from the end."""

_LATEX_REPLACEMENTS = (
    ("{,}", ","), ("\\$", "$"), ("\\%", "%"), ("\\!", ""), ("\\,", " "), ("\\;", " "),
    ("\\ ", " "), ("\\(", " "), ("\\)", " "), ("\\[", " "), ("\\]", " "), ("\\left", ""),
    ("\\right", ""), ("^{\\circ}", ""), ("^\\circ", ""), ("\\dfrac", "\\frac"),
    ("\\tfrac", "\\frac"),
)  # fmt: skip
_LATEX_TEXT = re.compile(r"\\(?:text|textbf|mathbf|mathrm|boxed)\s?\{([^{}]*)\}")
_LATEX_FRACTION = re.compile(r"\\frac\s?\{\s?([0-9]+)\s?\}\s?\{\s?([0-9]+)\s?\}")

_ANSWER_IS = re.compile(r"\banswer[*_ ]{0,4}(?:is|:|=)[*_:= ]{0,4}", re.IGNORECASE)
_LABEL = re.compile(r"(?:(?:the |my )?(?:final )?answer)?[*_ ]{0,4}(?:is|:|=)?", re.IGNORECASE)
_CLAUSE_END = re.compile(r"[.!?](?=\s|$)|[;\n]|, |,$| \(| because | since | as ", re.IGNORECASE)
_STARTS_LIKE_NUMBER = re.compile(r"[^\w\n]{0,8}(?:\\d?frac|\\text|\\mathbf|[$€£¥]|[0-9])")
_LAST_NUMBER = re.compile(r"(?:(?<![\w)])-)?\$?[0-9](?:[0-9,]*[0-9])?(?:\.[0-9]+)?")

_NUMBER = re.compile(
    r"""(?P<sign>[-+]?)\s?(?:[$€£¥]\s?)?(?P<sign2>-?)
        (?: (?P<whole>[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+) (?:\.(?P<decimals>[0-9]*))?
          | \.(?P<bare_decimals>[0-9]+) )
        (?: \s?/\s?(?P<denominator>[0-9]+)
          | (?P<scale>[kKMB])(?![A-Za-z])
          | [eE](?P<exponent>[-+]?[0-9]{1,2})(?![0-9]) )?""",
    re.VERBOSE,
)
_UNIT = re.compile(r"[$€£¥%¢°]?\s?(?:[A-Za-zµ²³°.'/-]+\s?){0,5}")
_NOT_A_UNIT = re.compile(
    r"\b(?:and|or|to|plus|minus|times|not|but|is|isn't|if|half|quarter|either|than|x)\b"
    r"|^-|--|\.\.|^/|^'",
    re.IGNORECASE,
)
_SCALES = {"k": 10**3, "K": 10**3, "M": 10**6, "B": 10**9}
_SCALE_WORDS = {
    "hundred": 10**2,
    "thousand": 10**3,
    "million": 10**6,
    "billion": 10**9,
    "trillion": 10**12,
}


def judge(answer: str, completion: Completion, *, lenient: bool = False) -> Verdict:
    r"""Say whether a completion ends with the number `answer`.

    A completion cut at its length limit counts only if the answer was given before the cut: in a
    closed ``\boxed{}`` or on a line that has ended, since "#### 18" may have become "#### 180".
    Text inside ``<think>...</think>`` is never an answer, and nor is anything after a ``<think>``
    that was not closed.
    """
    truncated = not completion.finished
    found = find_answer(completion.text, lenient=lenient, truncated=truncated)
    if found is None:
        reason = "cut before it gave an answer" if truncated else "no `#### <number>` found"
        return Verdict(correct=False, extracted=None, reason=reason, truncated=truncated)
    number, expected = parse_number(found), parse_number(answer)
    extracted = found if number is None else _format(number)
    if expected is None:
        reason = f"the example's answer {answer[:40]!r} is not a number"
    elif number is None:
        reason = f"{found[:40]!r} is not one number"
    elif number == expected:
        reason = f"equal to {_format(expected)}"
    else:
        reason = f"{extracted} is not {_format(expected)}"
    correct = number is not None and number == expected
    return Verdict(correct=correct, extracted=extracted, reason=reason, truncated=truncated)


def find_answer(text: str, *, lenient: bool = False, truncated: bool = False) -> str | None:
    """Return the text a completion gives as its answer, or None if it gives none.

    Args:
        text: The completion.
        lenient: Fall back to the last number of the text.
        truncated: The text was cut, so its last line may lack characters.
    """
    visible = without_thoughts(text)[-MAX_VISIBLE_CHARS:].translate(PLAIN_CHARACTERS)
    boxed = find_boxed(visible, cut=truncated)
    if boxed is not None:
        return boxed.content[: MAX_ANSWER_CHARS + 1]
    if truncated:
        visible = visible[: visible.rfind("\n") + 1]
    for find in (_last_hashes, _last_answer_is):
        found = find(visible)
        if found is not None:
            return found
    return _last_number(visible) if lenient else None


def parse_number(text: str) -> Fraction | None:
    """Return the number that `text` is, exactly, or None if it is not one number.

    Currency signs, thousands separators, percent signs, units of up to five words, LaTeX and
    Markdown around the number and a trailing full stop do not count; "2 million" and "3k" do.
    """
    if len(text) > MAX_ANSWER_CHARS:
        return None
    plain = _plain(text)
    match = _NUMBER.match(plain)
    if match is None or sum(map(str.isdigit, match[0])) > MAX_DIGITS:
        return None
    scale = _unit_scale(plain[match.end() :])
    value = _value(match)
    return None if scale is None or value is None else value * scale


def normalise(text: str) -> str | None:
    """Return the number that `text` is in its shortest form (``1080``, ``1/3``), or None."""
    number = parse_number(text)
    return None if number is None else _format(number)


def _last_hashes(text: str) -> str | None:
    """Return what the last ``####`` announces; a heading without a number is passed over."""
    for piece in reversed(text.split("####")[1:][-MAX_CANDIDATES:]):
        line = piece[: MAX_ANSWER_CHARS + 1].lstrip("#* \t\n").partition("\n")[0]
        label = _LABEL.match(line)
        line = line[label.end() :] if label else line
        if _STARTS_LIKE_NUMBER.match(line):
            return line.strip()
    return None


def _last_answer_is(text: str) -> str | None:
    """Return the clause after the last "answer is" that starts with a number."""
    ends = [match.end() for match in _ANSWER_IS.finditer(text)][-MAX_CANDIDATES:]
    for end in reversed(ends):
        clause = text[end : end + MAX_ANSWER_CHARS + 1].lstrip()
        if _STARTS_LIKE_NUMBER.match(clause):
            stop = _CLAUSE_END.search(clause)
            return clause[: stop.start() if stop else None].strip()
    return None


def _last_number(text: str) -> str | None:
    numbers = _LAST_NUMBER.findall(text)
    return str(numbers[-1]) if numbers else None


def _plain(text: str) -> str:
    """Take LaTeX, Markdown and closing punctuation away from around a number."""
    text = text.translate(PLAIN_CHARACTERS)
    for latex, plain in _LATEX_REPLACEMENTS:
        text = text.replace(latex, plain)
    text = _LATEX_FRACTION.sub(r"\1/\2", _LATEX_TEXT.sub(r" \1", text))
    text = text.rpartition("=")[2].strip("*_`( \t\n)[]")
    if text.startswith("$") and text.rstrip(".").endswith("$") and len(text) > 1:
        text = text.rstrip(".")[1:-1]
    return text.strip("*_`( \t\n)[]").rstrip(".,:;*_` ").strip()


def _unit_scale(rest: str) -> int | None:
    """Return the factor that the words after a number stand for; None if they are not a unit."""
    unit = rest.lstrip("*_`$) ") if rest[:1] in "*_`$)" else rest.lstrip()
    if not unit:
        return 1
    if not _UNIT.fullmatch(unit) or _NOT_A_UNIT.search(unit):
        return None
    words = unit.lower().split()
    scale = 1
    while words and words[0] in _SCALE_WORDS:
        scale *= _SCALE_WORDS[words.pop(0)]
    return scale


def _value(match: re.Match[str]) -> Fraction | None:
    """Return the value of a match of `_NUMBER`; None for a division by zero or two signs."""
    decimals = match["decimals"] or match["bare_decimals"] or ""
    digits = (match["whole"] or "").replace(",", "") + decimals
    value = Fraction(int(digits), 10 ** len(decimals))
    if match["denominator"] is not None:
        if int(match["denominator"]) == 0:
            return None
        value /= int(match["denominator"])
    value *= _SCALES.get(match["scale"] or "", 1)
    value *= Fraction(10) ** int(match["exponent"] or 0)
    if match["sign"] and match["sign2"]:
        return None
    return -value if "-" in (match["sign"], match["sign2"]) else value


def _format(number: Fraction) -> str:
    """Write a number as an integer or a decimal where that is exact, else as a fraction."""
    if number.denominator == 1:
        return str(number.numerator)
    for places in range(1, 10):
        scaled = abs(number) * 10**places
        if scaled.denominator == 1:
            digits = str(scaled.numerator).rjust(places + 1, "0")
            return f"{'-' if number < 0 else ''}{digits[:-places]}.{digits[-places:]}"
    return str(number)
