"""The contract of a benchmark: lm-eval tasks, the metric that counts, what chance would give."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import attrs

__all__ = ["Benchmark", "TaskFile"]


@attrs.frozen(kw_only=True)
class TaskFile:
    """One lm-eval task of a benchmark.

    Attributes:
        name: The task's name in lm-eval.
        path: Its YAML file: relative to lm-eval's own task folder, or absolute.
        mirror: Split of the lm-eval task to its file in a data mirror: ``piqa/validation.parquet``;
            empty for tasks that generate their documents.
    """

    name: str
    path: Path = attrs.field(converter=Path)
    mirror: Mapping[str, str] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Benchmark:
    """Something a model was not trained on, scored by lm-eval's own tasks and metrics, 0-shot.

    Attributes:
        name: The name on the command line.
        title: The name in tables.
        summary: One line.
        tasks: The lm-eval tasks it is made of; several are averaged weighted by size.
        metric: The lm-eval metric that counts, without the filter (``acc_norm``).
        chance: Expected score of a model that knows nothing.
        items: The number of items it must have.
        kind: Whether the model scores given texts or writes its own.
        nltk: Paths of the NLTK data that its metric needs (``tokenizers/punkt_tab``).
        cluster: The field of a document whose equal values say which items are not independent
            (``passage``, where several questions are about one text); None if each item stands
            alone. Items of several tasks are clustered by task without it.
    """

    name: str
    title: str
    summary: str
    tasks: tuple[TaskFile, ...]
    metric: str
    chance: float
    items: int
    kind: Literal["loglikelihood", "generation"] = "loglikelihood"
    nltk: tuple[str, ...] = ()
    cluster: str | None = None
