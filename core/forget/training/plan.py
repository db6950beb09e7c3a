"""How long a training is and which example comes when: arithmetic, before anything is loaded."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Sequence
from random import Random

import attrs

from forget.convert import to_plain
from forget.errors import SettingsError
from forget.method import SupervisedSettings, TrainingSettings
from forget.settings import training_identity

__all__ = ["Schedule", "data_order", "make_schedule", "training_digest"]

_ROUNDING = 1e-9


@attrs.frozen(kw_only=True)
class Schedule:
    """The length and shape of a training.

    Attributes:
        rows: Examples in the training data.
        batch_size: Examples per optimiser step, replayed ones included.
        micro_batch_size: Examples per forward pass; divides each process's share of `batch_size`.
        steps_per_epoch: Optimiser steps in one pass over the training data.
        steps: Optimiser steps in all.
        warmup_steps: Steps of the learning rate's linear warm-up.
        replayed: Of each step's examples, how many are replayed.
        replay_rows: Examples there are for that; their rows follow the training data's.
        per_row: Examples of a batch that one row makes: completions of a question.
        passes: Optimiser steps that each batch is used for.
    """

    rows: int
    batch_size: int
    micro_batch_size: int
    steps_per_epoch: int
    steps: int
    warmup_steps: int
    replayed: int = 0
    replay_rows: int = 0
    per_row: int = 1
    passes: int = 1

    @property
    def own(self) -> int:
        """Rows of the training data in each step."""
        return (self.batch_size - self.replayed) // self.per_row

    @property
    def batches(self) -> int:
        """Batches that are drawn in all."""
        return -(-self.steps // self.passes)

    def accumulation(self, processes: int = 1) -> int:
        """Return how many forward passes of each process make an optimiser step."""
        return self.batch_size // (self.micro_batch_size * processes)


def make_schedule(
    settings: TrainingSettings,
    rows: int,
    replay_rows: int = 0,
    *,
    per_row: int = 1,
    passes: int = 1,
) -> Schedule:
    """Work out the steps: ``epochs * floor(rows / batch_size)``, or ``max_steps`` if it is set.

    Each pass leaves out the last ``rows mod batch_size`` examples of its own shuffle, so every
    step has a full batch: 3 epochs of 7,473 examples at 16 are 1,401 steps. With fewer rows than
    a batch, each step takes them all.

    With replay, ``replayed`` places of each batch are not for `rows`: an epoch is a pass over the
    training data all the same, and has more steps.

    Args:
        settings: The method's.
        rows: Examples in the training data.
        replay_rows: Examples to replay; whether there are any is for the settings to say.
        per_row: Examples of a batch that one row makes.
        passes: Optimiser steps that each batch is used for.

    Raises:
        SettingsError: The batch cannot be made of micro-batches, or shared among the processes, or
            there is no step to do.
    """
    replayed = settings.replayed if isinstance(settings, SupervisedSettings) else 0
    own = min((settings.batch_size - replayed) // per_row, rows)
    batch = own * per_row + replayed
    micro = min(settings.micro_batch_size, settings.batch_size)
    if settings.batch_size % micro:
        raise SettingsError(
            f"batch_size={settings.batch_size} is not a multiple of micro_batch_size={micro}. "
            f"Choose a micro_batch_size that divides it."
        )
    share, rest = divmod(batch, settings.num_processes)
    if rest:
        raise SettingsError(
            f"There are fewer examples than batch_size={settings.batch_size}, so a step takes all "
            f"{batch}, and these cannot be shared among num_processes={settings.num_processes}. "
            "Lower batch_size, or set num_processes=1: what is here is continued."
        )
    if share % micro:  # fewer than planned: the largest equal parts that fit in memory
        micro = max(size for size in range(1, micro + 1) if share % size == 0)
    per_epoch = rows // own * passes
    steps = settings.max_steps or math.floor(settings.epochs * per_epoch + _ROUNDING)
    if steps < 1:
        raise SettingsError(
            f"epochs={settings.epochs} of {rows} examples in batches of {own} make no step. "
            "Raise epochs, or set max_steps."
        )
    return Schedule(
        rows=rows,
        batch_size=batch,
        micro_batch_size=micro,
        steps_per_epoch=per_epoch,
        steps=steps,
        warmup_steps=math.ceil(settings.warmup * steps - _ROUNDING),
        replayed=replayed,
        replay_rows=replay_rows,
        per_row=per_row,
        passes=passes,
    )


def data_order(schedule: Schedule, seed: int | str) -> list[int]:
    """List the rows of every batch in the order of training, one batch after another.

    Each pass has its own shuffle, a function of seed and pass alone, so the order never depends
    on where a training was interrupted. Replayed rows stand at the end of each step and go through
    shuffles of their own, of which nothing is left out.
    """
    used = schedule.steps_per_epoch // schedule.passes * schedule.own
    own = _shuffles(range(schedule.rows), f"{seed}", used, schedule.batches * schedule.own)
    if not schedule.replayed:
        return own
    replay = range(schedule.rows, schedule.rows + schedule.replay_rows)
    places = schedule.steps * schedule.replayed
    replayed = _shuffles(replay, f"{seed}/replay", len(replay), places)
    return [
        row
        for step in range(schedule.steps)
        for rows, size in ((own, schedule.own), (replayed, schedule.replayed))
        for row in rows[step * size : (step + 1) * size]
    ]


def _shuffles(rows: Sequence[int], seed: str, used: int, count: int) -> list[int]:
    """Return `count` rows: the first `used` of one shuffle after another."""
    order: list[int] = []
    epoch = 0
    while len(order) < count:
        shuffled = list(rows)
        Random(f"{seed}/{epoch}").shuffle(shuffled)  # noqa: S311 - an order, not a secret
        order += shuffled[:used]
        epoch += 1
    return order[:count]


def training_digest(settings: TrainingSettings, seed: int, data_digest: str) -> str:
    """Name a training: equal for equal settings, seed and data; kept in every checkpoint."""
    named = {"settings": to_plain(training_identity(settings)), "seed": seed, "data": data_digest}
    return hashlib.sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()
