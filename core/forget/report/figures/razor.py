"""The KL divergence from the base against forgetting, with the quadratic fit."""

from __future__ import annotations

from collections.abc import Iterator

from forget.report.figures.drawing import Drawing, Omitted, Shown

__all__ = ["draw"]


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield one figure, with a point for each checkpoint."""
    if shown.material.razor is None:
        yield Omitted("razor", "fewer than four checkpoints have a KL divergence and an average")
