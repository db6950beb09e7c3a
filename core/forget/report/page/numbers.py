"""Numbers as the page writes them: points of 100, a true minus, intervals, p-values."""

from __future__ import annotations

import math

__all__ = ["interval", "known", "p_value", "points", "signed"]

UNKNOWN = "–"


def known(value: object) -> bool:
    """Say whether a cell of a frame holds a number."""
    return isinstance(value, int | float) and math.isfinite(value)


def points(share: float, digits: int = 1) -> str:
    """Write a share in points of 100."""
    return f"{100 * share:,.{digits}f}" if known(share) else UNKNOWN


def signed(share: float, digits: int = 1) -> str:
    """Write a change of a share in points of 100 with its sign; one that rounds to 0 has none."""
    if not known(share):
        return UNKNOWN
    text = f"{100 * share:+.{digits}f}"
    return f"{0:.{digits}f}" if float(text) == 0 else text.replace("-", "−")


def interval(low: float, high: float, digits: int = 1) -> str:
    """Write an interval of a change in points of 100."""
    if not (known(low) and known(high)):
        return UNKNOWN
    return f"[{signed(low, digits)}, {signed(high, digits)}]"


def p_value(p: float) -> str:
    """Write a p-value as papers do: two digits, and a bound where it is very small."""
    if not known(p):
        return UNKNOWN
    return "< 0.001" if p < 0.001 else f"{p:.2g}" if p < 0.1 else f"{p:.2f}"
