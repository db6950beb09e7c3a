"""How long a training is and which example comes when: arithmetic, before anything is loaded."""

from __future__ import annotations

import hashlib
import json
import math
from random import Random

import attrs

from forget.convert import to_plain
from forget.errors import SettingsError
from forget.method import TrainingSettings
from forget.settings import training_identity

__all__ = ["Schedule", "data_order", "make_schedule", "training_digest"]

_ROUNDING = 1e-9


@attrs.frozen(kw_only=True)
class Schedule:
    """The length and shape of a training.

    Attributes:
        rows: Examples in the training data.
        batch_size: Examples per optimiser step.
        micro_batch_size: Examples per forward pass; divides `batch_size`.
        steps_per_epoch: Optimiser steps in one pass over the data.
        steps: Optimiser steps in all.
        warmup_steps: Steps of the learning rate's linear warm-up.
    """

    rows: int
    batch_size: int
    micro_batch_size: int
    steps_per_epoch: int
    steps: int
    warmup_steps: int

    @property
    def accumulation(self) -> int:
        """Forward passes per optimiser step."""
        return self.batch_size // self.micro_batch_size


def make_schedule(settings: TrainingSettings, rows: int) -> Schedule:
    """Work out the steps: ``epochs * floor(rows / batch_size)``, or ``max_steps`` if it is set.

    Each pass leaves out the last ``rows mod batch_size`` examples of its own shuffle, so every
    step has a full batch: 3 epochs of 7,473 examples at 16 are 1,401 steps. With fewer rows than
    a batch, each step takes them all.

    Raises:
        SettingsError: The batch cannot be made of micro-batches, or there is no step to do.
    """
    batch = min(settings.batch_size, rows)
    micro = min(settings.micro_batch_size, settings.batch_size)
    if settings.batch_size % micro:
        raise SettingsError(
            f"batch_size={settings.batch_size} is not a multiple of micro_batch_size={micro}. "
            f"Choose a micro_batch_size that divides it."
        )
    if batch % micro:  # fewer rows than a batch: the largest equal parts that fit in memory
        micro = max(size for size in range(1, micro + 1) if batch % size == 0)
    per_epoch = rows // batch
    steps = settings.max_steps or math.floor(settings.epochs * per_epoch + _ROUNDING)
    if steps < 1:
        raise SettingsError(
            f"epochs={settings.epochs} of {rows} examples in batches of {batch} make no step. "
            "Raise epochs, or set max_steps."
        )
    return Schedule(
        rows=rows,
        batch_size=batch,
        micro_batch_size=micro,
        steps_per_epoch=per_epoch,
        steps=steps,
        warmup_steps=math.ceil(settings.warmup * steps - _ROUNDING),
    )


def data_order(schedule: Schedule, seed: int) -> list[int]:
    """List the row of every example in the order of training, ``steps * batch_size`` of them.

    Each pass has its own shuffle, a function of seed and pass alone, so the order never depends
    on where a training was interrupted.
    """
    order: list[int] = []
    used = schedule.steps_per_epoch * schedule.batch_size
    epoch = 0
    while len(order) < schedule.steps * schedule.batch_size:
        shuffled = list(range(schedule.rows))
        Random(f"{seed}/{epoch}").shuffle(shuffled)  # noqa: S311 - an order, not a secret
        order += shuffled[:used]
        epoch += 1
    return order[: schedule.steps * schedule.batch_size]


def training_digest(settings: TrainingSettings, seed: int, data_digest: str) -> str:
    """Name a training: equal for equal settings, seed and data; kept in every checkpoint."""
    named = {"settings": to_plain(training_identity(settings)), "seed": seed, "data": data_digest}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
