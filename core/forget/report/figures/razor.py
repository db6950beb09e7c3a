"""The KL divergence from the base against forgetting, with the quadratic fit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.style import (
    BLACK,
    GREY,
    POINTS,
    SINGLE,
    legend,
    look,
    panels,
    zero,
)
from forget.report.selection import method_label
from forget.verdict.razor import KL

if TYPE_CHECKING:
    from matplotlib.artist import Artist

__all__ = ["draw"]


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield one figure, with a point for each checkpoint."""
    razor = shown.material.razor
    if razor is None:
        reason = "fewer than four checkpoints have different KL divergences and an average"
        yield Omitted("razor", reason)
        return
    figure, [axes] = panels(1, 1, 2.3, SINGLE)
    zero(axes, vertical=False)
    entries: dict[str, Artist] = {}
    methods = shown.methods()
    for method, points in razor.points.groupby(method_label(razor.points), sort=False):
        drawn = look(methods[str(method)])
        [entries[str(method)]] = axes.plot(
            points[KL],
            POINTS * points["forgetting"],
            marker=drawn.marker,
            markersize=3,
            color=drawn.colour,
            linestyle="none",
        )
    curve = razor.curve(level=shown.material.level)
    axes.fill_between(
        curve[KL], POINTS * curve["low"], POINTS * curve["high"], color=GREY, alpha=0.2, linewidth=0
    )
    r2 = "" if razor.kl.fit.r2 is None else f", R² = {razor.kl.fit.r2:.2f}"
    [entries[f"quadratic fit{r2}"]] = axes.plot(
        curve[KL], POINTS * curve["forgetting"], color=BLACK
    )
    axes.set_xlabel("KL divergence from base [nats per token]")
    axes.set_ylabel("forgetting, average [points]")
    legend(figure, entries)
    yield Drawing("razor", figure)
