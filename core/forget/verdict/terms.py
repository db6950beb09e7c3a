"""What a verdict is held to: confidence, margin, and how often was looked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import attrs

from forget.benchmark import Benchmark
from forget.errors import RequestError

__all__ = ["Terms"]


@attrs.frozen(kw_only=True)
class Terms:
    """What a verdict is held to.

    Attributes:
        margin: The largest drop that does not matter, a share: 0.01 is one point of 100.
        level: Confidence of intervals and bands.
        alpha: Level of the tests, after correction; and of the one-sided bound of "kept".
        over: What Holm's correction counts: the benchmarks of each checkpoint, or the benchmarks
            of all checkpoints of the run together.
        benchmarks: What is known of benchmarks by name: titles, chance levels.
    """

    margin: float = attrs.field(default=0.01)
    level: float = attrs.field(default=0.95)
    alpha: float = 0.05
    over: Literal["benchmarks", "checkpoints"] = "benchmarks"
    benchmarks: Mapping[str, Benchmark] = attrs.field(factory=dict)

    @margin.validator
    def _check_margin(self, _: object, value: float) -> None:
        if not 0 < value < 1:
            raise RequestError(
                f"The margin is a share of the items between 0 and 1, not {value:g}: 0.01 is one "
                "point of 100."
            )

    @level.validator
    def _check_level(self, _: object, value: float) -> None:
        if not 0 < value < 1:
            raise RequestError(
                f"A confidence lies between 0 and 1, not {value:g}: 0.95 is 95 percent."
            )
