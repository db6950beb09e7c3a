"""The trackers themselves, each as something that is told of a run step by step."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

from forget.method import Tracker
from forget.store.layout import RunFolder

__all__ = ["OPEN", "Open", "Place"]


class Place(NamedTuple):
    """Where a run is, in words that trackers sort runs by.

    Attributes:
        folder: The run directory.
        id: What tells it from an earlier run of the same names.
        project: The study.
        name: Model, dataset, method and seed.
        config: What is trained.
        known: The last step that the tracker was told of; None if it has not heard of the run.
        resumed: The step of the run that training continues from.
    """

    folder: RunFolder
    id: str
    project: str
    name: str
    config: Mapping[str, Any]
    known: int | None
    resumed: int


class Open(Protocol):
    """A tracker that is being told of a run."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Take one point of the curve."""
        ...

    def close(self) -> None:
        """Return when all that was logged is where it belongs."""
        ...


class _TensorBoard:
    def __init__(self, place: Place) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # Points after the checkpoint that a training continues from are purged: they come anew.
        self._writer = SummaryWriter(str(place.folder.tensorboard), purge_step=place.resumed + 1)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class _Wandb:
    def __init__(self, place: Place) -> None:
        import wandb

        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or place.project,
            name=place.name,
            id=place.id,
            resume="allow",
            dir=os.environ.get("WANDB_DIR") or place.folder.path,
            config=dict(place.config),
            settings=wandb.Settings(silent=True, console="off"),
        )
        self._run.define_metric("train/global_step")
        self._run.define_metric("*", step_metric="train/global_step", step_sync=True)

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


class _Trackio:
    def __init__(self, place: Place) -> None:
        import trackio

        self._run = trackio.init(
            project=os.environ.get("TRACKIO_PROJECT") or place.project,
            name=place.name,
            # By its name alone it would go on with a run whose folder is long gone.
            resume="never" if place.known is None else "allow",
            config=dict(place.config),
            embed=False,
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def close(self) -> None:
        self._run.finish()


OPEN: Mapping[Tracker, Callable[[Place], Open]] = {
    "tensorboard": _TensorBoard,
    "wandb": _Wandb,
    "trackio": _Trackio,
}
