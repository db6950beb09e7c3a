r"""Answers as texts of LaTeX: which spelling counts, and what no comparison of values sees.

`same_text` and `difference` decide what texts alone decide, which is most answers and costs little.
`difference` also finds what math-verify does not look at: the base of a number, the order of a
pair, the order of letters in a word, a word such as "or".
"""

from __future__ import annotations

import re
from fractions import Fraction

from forget_datasets.answer_text import PLAIN_CHARACTERS

__all__ = ["difference", "hundredths", "same_text", "tidy"]

_REPLACEMENTS = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"(?:,(?:\\!)+|\{,\}) ?(?=[0-9]{3})", ""),  # thousands
        (r"(?<!\\)(?:\\[()\[\]$!]|\$)|\\(?:displaystyle|phantom)\b", ""),
        (r"(?<!\\)\\[,;: ]|~|\\q?quad\b|\s+", " "),
        (r"\\(?:left|right)(?![A-Za-z])", ""),
        (r"\\[dtc]frac\b", r"\\frac"),
        (r"\\[dtc]frac(?=[0-9])", r"\\frac"),
        (r"\\(?:mbox|textbf|textrm|textit|textnormal|mathrm|mathbf|mathit)\b", r"\\text"),
        (r"\\varnothing\b", r"\\emptyset"),
        (r"\\(?:leqslant|leq)\b", r"\\le"),
        (r"\\(?:geqslant|geq)\b", r"\\ge"),
        (r"\^ ?\{ ?\\circ ?\}", r"^\\circ"),
        (r"^ ?(?:\\approx|[A-Za-z] ?\\in)\b", ""),
    )
)
_FRACTION = re.compile(
    r"\\frac ?(?P<above>\{[^{}]*\}|\\[A-Za-z]+|[0-9A-Za-z]) ?"
    r"(?P<below>\{[^{}]*\}|\\[A-Za-z]+|[0-9A-Za-z])"
)
_THOUSANDS = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])")
_BRACED_THOUSANDS = re.compile(r"(?<=[^\\]\{)[0-9]{1,3}(?:,[0-9]{3})+(?=\})")
_PERCENT = re.compile(r" ?(?:\\?%|\\text ?\{ ?(?:percent|\\?%) ?\}|percent)$")
_DECIMAL = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_RATIONAL = re.compile(
    r"(?P<sign>[-+]?) ?(?:(?P<decimal>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|\\frac\{ ?(?P<above>-?[0-9]+) ?\}\{ ?(?P<below>-?[0-9]+) ?\}"
    r"|(?P<dividend>[0-9]+) ?/ ?(?P<divisor>[0-9]+))"
)
_TEXT = re.compile(r"\\text ?\{([^{}]*)\}")
_CAPITALS = re.compile(r"[A-Z]{3,}")
_LOOSE_SPACE = re.compile(r" (?!(?<=[0-9] )[0-9]|(?<=[A-Za-z] )[A-Za-z])")
"""A space that is not between two numbers or two words."""
_ONE_LETTER = re.compile(r"\(([A-Za-z])\)")
_BASE = re.compile(r"[0-9A-Z]_ ?\{? ?([0-9]+) ?\}?$")
_TUPLE = re.compile(r"[(\[].*,.*[)\]]", re.DOTALL)
_WORD = re.compile(r"(?<![\\a-z])[a-z]+", re.IGNORECASE)
_OPEN = frozenset(
    ("about", "approximately", "between", "either", "maybe", "neither", "nor", "not", "or", "to")
)
"""Words after which an answer is not one answer."""


def tidy(text: str) -> str:
    r"""Return an answer in the spelling that is compared: without what is only typography.

    Delimiters of formulas, currency and percent signs, thin spaces, sizes of brackets, thousands
    separators and a closing full stop go; ``\dfrac12`` becomes ``\frac{1}{2}``.
    """
    text = text.translate(PLAIN_CHARACTERS)
    for pattern, replacement in _REPLACEMENTS:
        text = pattern.sub(replacement, text)
    text = _PERCENT.sub("", text.strip().rstrip(".,;: "))
    bracketed = re.search(r"[()\[\]{}]", text)  # (1,234) may be a pair, \{1,234\} a set
    text = (_BRACED_THOUSANDS if bracketed else _THOUSANDS).sub(_without_commas, text)
    return _FRACTION.sub(_braced, text).strip()


def hundredths(text: str) -> str | None:
    """Return the number that a percentage is, or None if an answer is not one."""
    number = tidy(text)
    percentage = _PERCENT.search(text.strip().rstrip(".,;:$ ")) and _DECIMAL.fullmatch(number)
    return f"\\frac{{{number}}}{{100}}" if percentage else None


def same_text(gold: str, answer: str) -> bool:
    r"""Whether two tidy answers are one rational number, exactly, or one text.

    Spaces, ``\text{}``, brackets around one letter, and the case of words do not count.
    """
    numbers = _rational(gold), _rational(answer)
    if None not in numbers:
        return numbers[0] == numbers[1]
    gold, answer = _key(gold), _key(answer)
    if re.search(r"[a-z]{3}", gold):
        gold, answer = gold.casefold(), answer.casefold()
    return bool(gold) and gold == answer


def difference(gold: str, answer: str) -> str | None:
    """Return why an answer is wrong if the texts decide it, or None; both are tidy.

    The two are not `same_text`.
    """
    bases = {match[1] for match in map(_BASE.search, (gold, answer)) if match}
    several = "," in gold or "\\pm" in gold
    checks = (
        (None not in (_rational(gold), _rational(answer)), "is another number"),
        (_is_words(gold), "is another text"),
        (len(bases) == 2, "is in another base"),
        (_is_tuple(gold) and not _is_tuple(answer), "is not an ordered pair or interval"),
        (gold.startswith("\\{") and _is_tuple(answer), "is not a set"),
        (not several and _open_words(answer) - _open_words(gold), "leaves the answer open"),
    )
    return next((reason for found, reason in checks if found), None)


def _key(text: str) -> str:
    text = _LOOSE_SPACE.sub("", _TEXT.sub(r"\1", text)).strip()
    letter = _ONE_LETTER.fullmatch(text)
    return letter[1] if letter else text


def _rational(text: str) -> Fraction | None:
    """Return the number that an integer, a decimal or a fraction of integers is."""
    match = _RATIONAL.fullmatch(text)
    if match is None:
        return None
    if match["decimal"]:
        value = Fraction(match["decimal"])
    else:
        divisor = int(match["below"] or match["divisor"])
        if divisor == 0:
            return None
        value = Fraction(int(match["above"] or match["dividend"]), divisor)
    return -value if match["sign"] == "-" else value


def _is_words(gold: str) -> bool:
    """Whether it is a word and no product of letters, which may come in any order."""
    outside = _TEXT.sub("", gold)
    return bool(_CAPITALS.fullmatch(gold) or (_TEXT.search(gold) and not re.search(r"\w", outside)))


def _is_tuple(text: str) -> bool:
    if "\\cup" in text:
        return False
    return "\\begin" in text or _TUPLE.fullmatch(text.rpartition("=")[2].strip()) is not None


def _open_words(text: str) -> frozenset[str]:
    return _OPEN & {word.lower() for word in _WORD.findall(text)}


def _without_commas(match: re.Match[str]) -> str:
    return match[0].replace(",", "")


def _braced(match: re.Match[str]) -> str:
    above, below = (
        part if part.startswith("{") else f"{{{part}}}" for part in (match["above"], match["below"])
    )
    return f"\\frac{above}{below}"
