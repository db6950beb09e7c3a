"""What the registry says a cluster takes for a unit of work, before any was measured there."""

from __future__ import annotations

from typing import Literal

import attrs

__all__ = ["Hint"]


@attrs.frozen(kw_only=True)
class Hint:
    """What a unit takes where nothing was measured yet; what is None matches all.

    Attributes:
        stage: The unit's.
        minutes: What it takes; to evaluate, for one model [min].
    """

    stage: Literal["prepare", "generate", "train", "evaluate"]
    minutes: float
    model: str | None = None
    dataset: str | None = None
    method: str | None = None

    def matches(self, stage: str, model: str, dataset: str, method: str) -> bool:
        """Tell whether a unit is meant."""
        wanted = ((self.model, model), (self.dataset, dataset), (self.method, method))
        named = all(mine is None or mine == theirs for mine, theirs in wanted)
        return self.stage == stage and named
