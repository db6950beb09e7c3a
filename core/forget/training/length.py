"""How long a training will be: what a method can tell before there is anything to train on."""

from __future__ import annotations

from itertools import accumulate
from typing import Any, NamedTuple, Protocol, runtime_checkable

from forget.method import TrainingSettings
from forget.training.plan import make_schedule

__all__ = ["Foreseeable", "Length", "SupervisedLength", "drawn"]


class Length(NamedTuple):
    """How long a training will be.

    Attributes:
        phases: Optimiser steps of each phase; each ends with a checkpoint.
        exact: It will be so long; else it is so long at most.
    """

    phases: tuple[int, ...]
    exact: bool = True

    def checkpoints(self, every: int) -> list[int]:
        """List the steps that a checkpoint follows: each `every`-th, and the last of a phase."""
        ends = list(accumulate(self.phases))
        return sorted({*range(every, ends[-1] + 1, every), *ends})


@runtime_checkable
class Foreseeable(Protocol):
    """What a `Method` may have besides, by which a study is planned before it is done.

    A method without it is planned all the same, with an unknown number of checkpoints.
    """

    def most_rows(self, settings: Any, examples: int) -> int:
        """Return how many rows `prepare` writes at most where a dataset has so many examples.

        Raises:
            RequestError: What the settings name, a file for instance, cannot be counted.
        """
        ...

    def length(self, settings: Any, rows: int) -> Length:
        """Return how long a training on so many prepared rows is.

        Raises:
            SettingsError: The training itself would refuse them.
        """
        ...


class SupervisedLength:
    """What methods can tell that train by `train_supervised` on a row for each example."""

    def most_rows(self, settings: TrainingSettings, examples: int) -> int:
        """See `Foreseeable.most_rows`."""
        return drawn(settings, examples)

    def length(self, settings: TrainingSettings, rows: int) -> Length:
        """See `Foreseeable.length`."""
        return Length((make_schedule(settings, rows).steps,))


def drawn(settings: TrainingSettings, rows: int) -> int:
    """Return how many of some rows ``max_train_examples`` leaves."""
    return rows if settings.max_train_examples is None else min(rows, settings.max_train_examples)
