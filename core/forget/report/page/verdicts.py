"""The five things that can be said of a checkpoint on a benchmark, in words and in shapes."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["VERDICTS", "VerdictStyle"]


class VerdictStyle(NamedTuple):
    """How a verdict is shown; a shape and a word always stand beside the colour.

    Attributes:
        symbol: A character for text.
        shape: The same for charts, as Vega names shapes.
        meaning: What the verdict says, for people.
    """

    symbol: str
    shape: str
    meaning: str


VERDICTS = {
    "forgot": VerdictStyle(
        "▼",
        "triangle-down",
        "worse than the base: the difference is negative and significant after Holm's correction "
        "over the benchmarks",
    ),
    "improved": VerdictStyle(
        "▲",
        "triangle-up",
        "better than the base: the difference is positive and significant after Holm's correction",
    ),
    "kept": VerdictStyle(
        "■",
        "square",
        "no forgetting beyond the margin: a larger drop is ruled out, by a one-sided test",
    ),
    "inconclusive": VerdictStyle(
        "○",
        "circle",
        "neither a difference nor its absence is shown: the sample is too small for either",
    ),
    "missing": VerdictStyle("✕", "cross", "not evaluated"),
}
"""Colours are the page's style variables of the same names, so that a theme can change them."""
