"""A model's answers to benchmarks, wherever they were given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import attrs

from forget.evaluation.items import Item
from forget.progress import Progress

__all__ = ["Answered", "Origin", "Side"]

Origin = Literal["forget", "lm-eval"]


@attrs.frozen(kw_only=True)
class Answered:
    """One benchmark as one model has answered it.

    Attributes:
        benchmark: Its name; ``task:<dataset>`` for the trained task.
        title: The name for people.
        metric: The metric that counts.
        chance: Expected score of a model that knows nothing; None where nobody says.
        required_items: The number of items it must have; None where nobody says.
        origin: What it was evaluated with, which decides what `settings` can tell.
        settings: All that must be alike for two models to be compared, name to value.
        read: Returns the items. Where they have yet to be evaluated, that must be done before.
    """

    benchmark: str
    title: str
    metric: str
    chance: float | None = None
    required_items: int | None = None
    origin: Origin
    settings: Mapping[str, str]
    read: Callable[[], Sequence[Item]]

    @property
    def is_task(self) -> bool:
        """Whether it is the trained task, and no benchmark of what may be forgotten."""
        return self.benchmark.startswith("task:")


def _nothing(progress: Progress) -> None:
    """Evaluate nothing: it has been done."""


@attrs.frozen(kw_only=True)
class Side:
    """One of the two models of a comparison.

    Attributes:
        name: What the user calls it.
        model: The model's name, as far as it is known.
        answered: Benchmark to its answers.
        left_out: Benchmark to the reason why it cannot be compared.
        evaluate: Evaluates what is missing.
    """

    name: str
    model: str
    answered: Mapping[str, Answered]
    left_out: Mapping[str, str] = attrs.field(factory=dict)
    evaluate: Callable[[Progress], None] = _nothing
