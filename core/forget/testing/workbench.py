"""A method on a tiny model and twelve sums: what of it can be tried in seconds."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.dataset import Dataset
from forget.method import Method, PrepareTask, TrainTask
from forget.store.manifest import verify
from forget.testing.sums import Graded, NoData, SolutionTeacher
from forget.testing.tiny import make_model

__all__ = ["SMALL", "Stopped", "Training", "Workbench", "content"]

SMALL: Mapping[str, Any] = {
    "lr": 1e-2,
    "warmup": 0.0,
    "batch_size": 4,
    "micro_batch_size": 2,
    "max_steps": 5,
    "max_length": 128,
    "dtype": "float32",
    "checkpoint_every": 2,
    "log_every": 3,  # checkpoints fall between points of the curve
    "samples": 1,
    "num_generations": 2,
    "rounds": 2,
    "questions_per_round": 6,
    "max_completion_length": 12,
    "max_prompt_length": 100,
    "keep_truncated": True,
    "reward": "forget.testing.sums:by_length",
}
"""Values for those of these settings that a method has."""


class Stopped(Exception):
    """A training was stopped from outside, as a killed process is."""


class Training(NamedTuple):
    """A training that was carried out.

    Attributes:
        task: What it was handed.
        announced: Steps and folders of its checkpoints, as they were announced.
        whole: Whether each was complete at that moment.
    """

    task: TrainTask
    announced: list[tuple[int, Path]]
    whole: list[bool]

    @property
    def steps(self) -> list[int]:
        """The steps of its checkpoints."""
        return [step for step, _ in self.announced]

    @property
    def curve(self) -> list[dict[str, Any]]:
        """The points of its curve."""
        lines = (self.task.output / "metrics.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines]


@attrs.define
class Workbench:
    """Prepares and trains by one method, each time in a folder of its own.

    Attributes:
        method: What is tried.
        folder: Everything is written below it.
        changes: Settings over those of `SMALL`.
        model: The base model.
        pristine: Its files as they were made.
    """

    method: Method
    folder: Path
    changes: Mapping[str, Any] = attrs.field(factory=dict)
    model: Path = attrs.field(init=False)
    pristine: Mapping[str, bytes] = attrs.field(init=False)
    _calm: dict[int, Training] = attrs.field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        """Make the base model."""
        self.model = make_model(self.folder / "model")
        self.pristine = content(self.model)

    def settings(self, **changes: Any) -> Any:
        """Return small settings of the method."""
        known = {field.name for field in attrs.fields(self.method.settings)}
        small = {name: value for name, value in SMALL.items() if name in known}
        return self.method.settings(**{**small, **self.changes, **changes})

    def prepare_task(
        self, name: str, *, dataset: Dataset | None = None, seed: int = 0, **changes: Any
    ) -> PrepareTask:
        """Return a task that writes to the ``data`` of a run's folder."""
        dataset = Graded() if dataset is None else dataset
        taught = self.method.needs.teacher is not None
        return PrepareTask(
            dataset=dataset,
            data=NoData(),
            model=self.model,
            settings=self.settings(**changes),
            seed=seed,
            output=self.folder / name / "data",
            teacher=SolutionTeacher(dataset) if taught else None,
            trajectories=self.folder / name / "trajectories",
        )

    def prepared(self, name: str, *, seed: int = 0, **changes: Any) -> TrainTask:
        """Prepare, and return the task of the training."""
        task = self.prepare_task(name, seed=seed, **changes)
        self.method.prepare(task)
        return TrainTask(
            dataset=task.dataset,
            model=task.model,
            data=task.output,
            output=self.folder / name,
            settings=task.settings,
            seed=seed,
        )

    def train(self, task: TrainTask) -> Training:
        """Train to the end, and remember what is announced."""
        training = Training(task, [], [])

        def announce(step: int, folder: Path) -> None:
            training.announced.append((step, folder))
            training.whole.append(verify(folder) is not None)

        self.method.train(attrs.evolve(task, announce=announce))
        return training

    def stop(self, task: TrainTask, after: int) -> None:
        """Train until the checkpoint of a step is announced, and no further."""

        def announce(step: int, folder: Path) -> None:
            if step == after:
                raise Stopped

        try:
            self.method.train(attrs.evolve(task, announce=announce))
        except Stopped:
            return
        raise AssertionError(f"the checkpoint of step {after} was not announced")

    def calm(self, lora_rank: int) -> Training:
        """Return an undisturbed training; there is one of each rank."""
        if lora_rank not in self._calm:
            task = self.prepared(f"calm-{lora_rank}", lora_rank=lora_rank)
            self._calm[lora_rank] = self.train(task)
        return self._calm[lora_rank]


def content(folder: Path) -> dict[str, bytes]:
    """Return every byte below a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
