"""What makes a Hugging Face trainer leave no trace of an interruption: a mixin and its session.

`resumable` puts `ResumableLoop` before any trainer class of transformers or TRL. The trainer keeps
its loss and its loop; the curve, the checkpoints and the way back into the middle are ours.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import attrs

from forget.errors import WorkError
from forget.store import journal
from forget.training import together
from forget.training.checkpoints import CheckpointStore

__all__ = ["ResumableLoop", "Session", "resumable"]

_WINDOW = "window.json"
_TRAINER_STATE = "trainer_state.json"  # the name `Trainer.train(resume_from_checkpoint=)` reads


@attrs.define(kw_only=True)
class Session:
    """One training in progress: what it writes, and what the curve needs between two points.

    A trainer counts its own steps from 0; here steps are those of the whole run. Where several
    processes train, each has a session, and that of the main one writes.

    Attributes:
        store: Where checkpoints go.
        curve: The file of the training curve.
        first: Steps of the run that were done before this trainer's first.
        steps_per_epoch: Optimiser steps in one pass over the data.
        tokens: Completion tokens trained on after each of the trainer's steps, index 0 before the
            first [tokens]; None where they are known only once they are written.
        write_model: Fills a folder with model and tokenizer.
        details: What every checkpoint's manifest tells besides step and loss.
        announce: Told of each complete checkpoint.
        advance: Told of each step done.
        log_every: Steps of the run between two points of the curve.
        save_every: Steps of the run between two checkpoints.
        metrics: The trainer's own metrics that the curve shows, and what it calls them.
        labels: What every point of the curve tells besides.
        report: Told of each point of the curve once it is written.
        measure: Told of a step whose checkpoint is due, measures the model's distance from its
            base, and returns what the manifest tells of it; None where it is not measured.
        window: The loss and the metrics of each step since the last point of the curve.
    """

    store: CheckpointStore
    curve: Path
    first: int
    steps_per_epoch: int
    tokens: Sequence[int] | None
    write_model: Callable[[Path], None]
    details: Mapping[str, Any]
    announce: Callable[[int, Path], None]
    advance: Callable[[int], None]
    log_every: int
    save_every: int
    metrics: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, Any] = attrs.field(factory=dict)
    report: Callable[[Mapping[str, Any]], None] | None = None
    measure: Callable[[int], Mapping[str, Any]] | None = None
    window: list[dict[str, float]] = attrs.field(factory=list)
    _parts: list[Any] = attrs.field(factory=list, init=False)
    _step: int = attrs.field(default=0, init=False)
    _loss: float = attrs.field(default=math.nan, init=False)

    @property
    def step(self) -> int:
        """The last step of the run that was closed."""
        return self._step

    def restore(self, step: int) -> None:
        """Go back to a checkpoint: drop the curve beyond it, take up what it had not written."""
        if together.is_main():
            journal.cut(self.curve, step)
        if step > self.first:
            self.window = json.loads((self.store.state(step) / _WINDOW).read_text())
        self._step = step

    def add_loss(self, loss: Any) -> None:
        """Take the loss of one forward pass, already divided by the tokens of the whole batch."""
        self._parts.append(loss.detach())

    def end_step(self, step: int, measured: Mapping[str, list[float]]) -> None:
        """Close a step of the run: its loss and metrics are the means over the processes.

        Args:
            step: Its number.
            measured: What the trainer measured in its forward passes, by its own names.

        Raises:
            WorkError: The loss is not a number any more; no checkpoint is made of such weights.
        """
        means = {
            ours: math.fsum(measured[theirs]) / len(measured[theirs])
            for theirs, ours in self.metrics.items()
            if measured.get(theirs)
        }
        own = {"loss": math.fsum(part.item() for part in self._parts), **means}
        self._parts.clear()
        found = _means(together.gather(own))
        loss = found["loss"]
        if not math.isfinite(loss):
            raise WorkError(
                f"The training loss became {loss} at step {step}. Lower lr, or lengthen the "
                "warm-up; the checkpoints before this step are kept."
            )
        self._step, self._loss = step, loss
        self.window.append(found)
        self.advance(1)

    def point(self, lr: float, grad_norm: float | None) -> None:
        """Write one point of the curve: means over the steps since the last one."""
        known = grad_norm is not None and math.isfinite(grad_norm)
        means = _means(self.window)
        record = {
            "step": self._step,
            "epoch": (self._step - self.first) / self.steps_per_epoch,
            **self.labels,
            "loss": means.pop("loss"),
            "lr": lr,
            "grad_norm": grad_norm if known else None,
            **self._counted(),
            **means,
        }
        if together.is_main():
            journal.append(self.curve, [record])
            if self.report is not None:
                self.report(record)
        self.window.clear()

    def _counted(self) -> dict[str, int]:
        return {} if self.tokens is None else {"tokens": self.tokens[self._step - self.first]}

    def save(self, write_trainer_state: Callable[[Path], None]) -> None:
        """Publish the checkpoint of the step just done and announce it."""

        def write_state(folder: Path) -> None:
            write_trainer_state(folder)
            (folder / _WINDOW).write_text(json.dumps(self.window))

        measured = {} if self.measure is None else {"drift": self.measure(self._step)}
        details = {
            "loss": self._loss,
            **self._counted(),
            **self.labels,
            **self.details,
            **measured,
        }
        folder = self.store.publish(self._step, details, self.write_model, write_state)
        self.announce(self._step, folder)


class ResumableLoop:
    """Mixin for `transformers.Trainer` and its subclasses in TRL; set `session` before training.

    It overrides the trainer's own methods of transformers 5.17, the pinned major version; those
    with an underscore are the only place where the trainer can be told to save elsewhere.
    """

    session: Session
    args: Any
    control: Any
    state: Any

    def training_step(self, *args: Any, **kwargs: Any) -> Any:
        """Train on one micro-batch and keep its loss."""
        loss = super().training_step(*args, **kwargs)  # type: ignore[misc]
        self.session.add_loss(loss)
        return loss

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write a point of the curve; what the trainer averages itself forgets at a restart."""
        if "loss" in logs:
            self.session.point(logs["learning_rate"], logs.get("grad_norm"))

    def _maybe_log_save_evaluate(self, *args: Any, **kwargs: Any) -> None:
        # The trainer comes here once more after its last step, with nothing new.
        session, step = self.session, self.session.first + self.state.global_step
        if step > session.step:
            measured = getattr(self, "_metrics", {}).get("train", {})
            session.end_step(step, measured)
            measured.clear()
            # Curve and checkpoints end with the training, whatever log_every and save_every.
            last = self.state.global_step >= self.state.max_steps
            self.control.should_log = last or step % session.log_every == 0
            self.control.should_save = last or step % session.save_every == 0
        super()._maybe_log_save_evaluate(*args, **kwargs)  # type: ignore[misc]

    def _save_checkpoint(self, model: Any, trial: Any) -> None:
        # They are written by the main process, in whose folder nobody else has a part.
        others = together.gather({} if together.is_main() else self._random_numbers())

        def write_state(folder: Path) -> None:
            self._save_optimizer_and_scheduler(str(folder))  # type: ignore[attr-defined]
            self._save_rng_state(str(folder))  # type: ignore[attr-defined]
            for name, content in (item for files in others for item in files.items()):
                (folder / name).write_bytes(content)
            self.state.save_to_json(str(folder / _TRAINER_STATE))

        together.from_main(lambda: self.session.save(write_state))

    def _random_numbers(self) -> dict[str, bytes]:
        """Return the files that the trainer would keep of this process's random numbers."""
        with TemporaryDirectory() as folder:
            self._save_rng_state(folder)  # type: ignore[attr-defined]
            return {path.name: path.read_bytes() for path in Path(folder).iterdir()}

    def _load_from_checkpoint(self, *args: Any, **kwargs: Any) -> None:
        """Do nothing: the model was loaded from its checkpoint, the state folder has no weights."""

    def _send_telemetry(self) -> None:
        """Send nothing: a training is nobody's business, and a compute node has no network."""


def _means(points: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each number over those that have it."""
    names = dict.fromkeys(name for point in points for name in point)
    found = {name: [point[name] for point in points if name in point] for name in names}
    return {name: math.fsum(values) / len(values) for name, values in found.items()}


def resumable(trainer: type, *losses: type) -> Any:
    """Return a trainer class whose curve and checkpoints are those of a `Session`.

    Args:
        trainer: The class of transformers or TRL.
        losses: Mixins that take the place of its loss.
    """
    return type(f"Resumable{trainer.__name__}", (ResumableLoop, *losses, trainer), {})
