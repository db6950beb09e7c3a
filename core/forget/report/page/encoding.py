"""Frames as columnar JSON that a page carries once, within a size."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["columns", "json_for_page", "significant", "thinned", "within"]

_DIGITS = 5
"""Significant digits of a number: more than any place of the page shows."""

_LONGEST = 4000
"""Characters of a prompt or completion that the page carries."""

_TEXTS = ("prompt", "target", "base_response", "response")
_GROUP = ["run", "checkpoint", "benchmark", "direction"]


def columns(frame: pd.DataFrame) -> dict[str, Any]:
    """Return each column as a list, or as `levels` and `codes` where it holds text.

    What is not known, infinite numbers included, is null.
    """
    from pandas.api.types import is_bool_dtype, is_numeric_dtype

    return {
        str(name): [_number(value) for value in values.tolist()]
        if is_numeric_dtype(values) or is_bool_dtype(values)
        else _levels(values)
        for name, values in frame.items()
    }


def json_for_page(value: Any) -> str:
    """Write JSON that may stand inside a script element: no `<`, `>`, `&` or `'` is left in it."""
    from jinja2.utils import htmlsafe_json_dumps

    compact: dict[str, Any] = {"separators": (",", ":"), "ensure_ascii": False, "allow_nan": False}
    return str(htmlsafe_json_dumps(value, **compact))


def significant(value: float) -> float:
    """Round a number to the digits that the page keeps."""
    return float(f"{value:.{_DIGITS}g}")


def thinned(curves: pd.DataFrame, most: int = 400) -> pd.DataFrame:
    """Keep at most about `most` points of each run's curve, its last one among them."""
    if curves.empty:
        return curves
    place = curves.groupby("run").cumcount(ascending=False)
    size = curves.groupby("run")["run"].transform("size")
    return curves[place % -(-size // most) == 0]


def within(flips: pd.DataFrame, most_bytes: int) -> pd.DataFrame:
    """Keep as many flipped items as the page has room for, evenly from every group.

    Args:
        flips: The items, with the columns of `Material.flips`.
        most_bytes: What their texts may take; a text that occurs again takes nothing.

    Returns:
        The first items of each run, checkpoint, benchmark and direction, in their order. Texts
        longer than 4,000 characters are cut, and say so.
    """
    cut = flips.assign(**{name: flips[name].map(_shortened) for name in _TEXTS})
    texts: list[tuple[str, ...]] = list(zip(*(cut[name].tolist() for name in _TEXTS), strict=True))
    turns = cut.groupby(_GROUP, sort=False).cumcount().to_numpy()
    seen: set[str] = set()
    left, kept = most_bytes, []
    for place in turns.argsort(kind="stable").tolist():
        new = set(texts[place]) - seen
        left -= sum(map(_size, new))
        if left < 0:
            break
        seen |= new
        kept.append(place)
    return cut.iloc[sorted(kept)]


def _number(value: Any) -> float | int | None:
    if value is None or isinstance(value, bool):
        return None if value is None else int(value)
    if isinstance(value, int):
        return value
    if not isinstance(value, float) or not math.isfinite(value):  # NA and NaT are neither
        return None
    return significant(value)


def _levels(values: Iterable[Any]) -> dict[str, list[Any]]:
    import pandas as pd

    codes, levels = pd.factorize(pd.Series(values, dtype="object"))
    return {"levels": [str(level) for level in levels], "codes": codes.tolist()}


def _shortened(text: Any) -> str:
    if not isinstance(text, str):
        return ""
    if len(text) <= _LONGEST:
        return text
    return f"{text[:_LONGEST]} … [{len(text) - _LONGEST:,} more characters are not shown]"


def _size(text: str) -> int:
    return len(json_for_page(text).encode("utf-8", "replace"))
