r"""Where a completion gives its answer: outside of its thoughts, and perhaps in a ``\boxed{}``.

Every step is linear in the length of the text, which a model may have filled with anything.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["MAX_VISIBLE_CHARS", "PLAIN_CHARACTERS", "Boxed", "find_boxed"]

MAX_VISIBLE_CHARS = 32_768
"""How much of the end of a completion is searched; what stands before is not its final answer."""

PLAIN_CHARACTERS = str.maketrans(
    dict.fromkeys("\u2212\u2010\u2011\u2012\u2013\ufe63\uff0d", "-")
    | dict.fromkeys("\u00a0\u2007\u2009\u202f\u3000", " ")
    | dict(zip("０１２３４５６７８９", "0123456789", strict=True))
    | {"＄": "$", "％": "%", "\u2044": "/", "\uff0c": ",", "\uff0e": ".", "\uff1a": ":"}
)
"""For `str.translate`: other characters for minus, space, digits and marks become ASCII's."""

_BOX_PARTS = re.compile(
    r"\\\\(?!boxed|fbox)"  # a line break: what follows it is not escaped
    r"|\\(?:boxed|fbox)\s*(?:(?P<brace>\{)|(?P<bare>[-+]?[0-9][^\s{}\\$]*))"
    r"|\\[{}]|[{}]"
)


class Boxed(NamedTuple):
    r"""The last ``\boxed{}`` of a text.

    Attributes:
        content: What stands in the last one that is closed; of nested ones, in the inner.
        reopened: A later one was begun and not closed.
    """

    content: str
    reopened: bool


def find_boxed(text: str, *, cut: bool = False) -> Boxed | None:
    r"""Return the last closed ``\boxed{}`` or ``\fbox{}`` of a text, or None if there is none.

    ``\boxed 5`` is one too, as TeX has it, if it is a number.

    Args:
        text: The text.
        cut: The text was cut at its end, so a number that stands there may lack digits.
    """
    opened: list[int | None] = []
    best: tuple[int, int] | None = None
    for part in _BOX_PARTS.finditer(text):
        if part["brace"]:
            opened.append(part.end())
        elif part["bare"]:
            if not cut or part.end() < len(text):
                best = part.span("bare")
        elif part[0] == "{":
            opened.append(None)
        elif part[0] == "}" and opened:
            start = opened.pop()
            if start is not None and (best is None or start > best[0]):
                best = (start, part.start())
    if best is None:
        return None
    reopened = any(start is not None and start > best[1] for start in opened)
    return Boxed(text[slice(*best)].strip(), reopened)
