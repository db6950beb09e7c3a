"""A model's answers to benchmarks, wherever they were given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import attrs

from forget.evaluation.items import Item
from forget.progress import Progress

__all__ = ["Answered", "Key", "Origin", "Side"]

Key = tuple[str, str, int]
"""Task, digest of the document, and its index: what items pair by."""

Origin = Literal["forget", "lm-eval"]


@attrs.frozen(kw_only=True)
class Answered:
    """One benchmark as one model has answered it.

    Attributes:
        benchmark: Its name; ``task:<dataset>`` for the trained task.
        title: The name for people.
        metric: The metric that counts.
        chance: Expected score of a model that knows nothing; None where nobody says.
        details: What else is known: the number of items it must have, truncation rates.
        origin: What evaluated it, which decides what `settings` can tell.
        settings: All that must be alike for two models to be compared, name to value.
        read: Returns the items; a side that is evaluated first has them only then.
        questions: Returns what the items will pair by; None where `read` has them.
    """

    benchmark: str
    title: str
    metric: str
    chance: float | None = None
    details: Mapping[str, Any] = attrs.field(factory=dict)
    origin: Origin
    settings: Mapping[str, str]
    read: Callable[[], Sequence[Item]]
    questions: Callable[[], Sequence[Key]] | None = None

    @property
    def is_task(self) -> bool:
        """Whether it is the trained task, and no benchmark of what may be forgotten."""
        return self.benchmark.startswith("task:")


@attrs.frozen(kw_only=True)
class Side:
    """One of the two models of a comparison.

    Attributes:
        name: What the user calls it.
        model: The model's name, as far as it is known.
        answered: Benchmark to its answers.
        left_out: Benchmark to the reason why it cannot be compared.
        evaluate: Evaluates the model and returns the side as it then is; None where that is done.
    """

    name: str
    model: str
    answered: Mapping[str, Answered]
    left_out: Mapping[str, str] = attrs.field(factory=dict)
    evaluate: Callable[[Progress], Side] | None = None
