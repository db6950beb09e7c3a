"""A training that is one phase from the base model: what is done is announced, the rest is done."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from forget.errors import DataError
from forget.method import TrainTask
from forget.progress import Advance
from forget.store.manifest import Manifest, read_manifest
from forget.training import together
from forget.training.checkpoints import CheckpointStore
from forget.training.phase import Phase, announce_published
from forget.training.plan import Schedule, training_digest

__all__ = ["prepared", "train_single"]


def prepared(folder: Path) -> Manifest:
    """Return what a run's training data says of itself.

    Raises:
        DataError: There is none, or it is incomplete.
    """
    manifest = read_manifest(folder)
    if manifest is None or manifest.kind != "data":
        raise DataError(f"{folder} holds no complete training data: prepare it first.")
    return manifest


def train_single(
    task: TrainTask,
    schedule: Schedule,
    data_digest: str,
    fit: Callable[[Phase, int, Advance], None],
) -> None:
    """Carry out a training of one phase; called again after a crash, continue exactly.

    Args:
        task: The task handed to `Method.train`.
        schedule: Its steps.
        data_digest: What it learns from; a checkpoint made of other data is refused.
        fit: Takes the steps of the phase that are left, like `forget.training.phase.fit`; not
            called when there are none.

    Raises:
        FrozenRunError: The folder holds checkpoints of another training.
    """
    store = CheckpointStore(
        output=task.output,
        training=training_digest(task.settings, task.seed, data_digest),
        last_step=schedule.steps,
    )

    def begin() -> int:
        store.clean()
        return schedule.steps if store.finished() else store.resume_step()

    resumed = together.from_main(begin)
    announce_published(task, store, resumed)
    if 0 < resumed < schedule.steps:
        task.progress.note(f"continuing after step {resumed} of {schedule.steps}")
    with task.progress.task("training", schedule.steps) as advance:
        advance(resumed)
        if resumed < schedule.steps:
            phase = Phase(task=task, store=store, schedule=schedule, lr=task.settings.lr)
            fit(phase, resumed, advance)
