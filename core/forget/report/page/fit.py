"""The fit of forgetting on KL, as a chart draws it and as a reader is told of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from forget.report.page.encoding import significant
from forget.report.page.numbers import known
from forget.report.razor import TITLES

if TYPE_CHECKING:
    from forget.verdict.razor import Razor

__all__ = ["fit_for_page"]

_PLACES = 60
"""Points of the curve: a parabola looks smooth with fewer."""

_AXES = ("kl", "forgotten", "low", "high")
"""What the chart calls a place, and the curve and its band there."""


def fit_for_page(razor: Razor | None, level: float) -> dict[str, Any] | None:
    """Return the curve, with its band, in points of 100, and what is said of it.

    Args:
        razor: The fits; None where there is none.
        level: Level of the band.
    """
    if razor is None:
        return None
    curve = razor.curve(_PLACES, level)
    in_points = 100 * curve[["forgetting", "low", "high"]]
    named = curve[["kl_to_base"]].join(in_points).set_axis(_AXES, axis="columns")
    rows = [
        {name: significant(value) for name, value in zip(_AXES, line, strict=True)}
        for line in named.to_numpy(float).tolist()
    ]
    return {"curve": rows, "words": " ".join(_said(razor))}


def _said(razor: Razor) -> Iterator[str]:
    kl = razor.kl
    if not known(kl.fit.r2):
        yield "All forgot alike, so there is nothing to explain."
        return
    yield f"A parabola of KL explains {_share(kl.fit.r2)} of the variance (R² {kl.fit.r2:.2f})."
    if known(kl.held_out_r2):
        yield (
            f"Fitted without a method and asked about it, its R² is {kl.held_out_r2:.2f}, where 0 "
            "is no better than the mean."
        )
    others = [
        f"{TITLES[other.predictor]} ({other.fit.r2:.2f})"
        for other in razor.others
        if known(other.fit.r2)
    ]
    if others:
        yield f"R² of the same curve of other things: {', '.join(others)}."
    if len(razor.settings) > 1:
        yield "The marks are of several base models or data sets, whose KLs are on other prompts."


def _share(r2: float | None) -> str:
    return f"{100 * (r2 or 0):.0f} %"
