"""A phase: optimiser steps in a row by one trainer of transformers or TRL, from one model.

A supervised training is one phase, a method with rounds has one for each. What all of them share is
here: the student, the arguments, the curve, the checkpoints, the way back into the middle.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import attrs

from forget.inference.loading import load_tokenizer
from forget.method import TrainingSettings, TrainTask
from forget.store import journal
from forget.store.layout import RunFolder
from forget.training import together
from forget.training.checkpoints import CheckpointStore
from forget.training.plan import Schedule
from forget.training.precision import autocasts, warn_of_rounding

if TYPE_CHECKING:
    from forget.training.drift.meter import Meter
    from forget.training.drift.probe import Probe

__all__ = ["IGNORED", "Phase", "announce_published", "fit", "padding", "trainer_arguments"]

IGNORED = -100
"""The label that transformers and TRL leave out of the loss."""


@attrs.frozen(kw_only=True)
class Phase:
    """What is trained, from where, and what of it is written down.

    Attributes:
        task: The task handed to `Method.train`.
        store: The run's checkpoints.
        schedule: Steps and batches of this phase.
        lr: Its peak learning rate.
        first: Steps of the run that were done before it.
        start: Checkpoint that it starts from; None for the base model.
        tokens: Completion tokens of the run after each of its steps, index 0 before the first
            [tokens]; None where they are known only once they are written.
        tokens_before: The same before it, for who counts them.
        optimizer: What takes the steps.
        metrics: The trainer's own metrics that the curve shows, and what it calls them.
        labels: What every point of the curve and every checkpoint tells besides: ``round``.
    """

    task: TrainTask
    store: CheckpointStore
    schedule: Schedule
    lr: float
    first: int = 0
    start: Path | None = None
    tokens: Sequence[int] | None = None
    tokens_before: int = 0
    optimizer: Literal["adamw", "rmsprop"] = "adamw"
    metrics: Mapping[str, str] = attrs.field(factory=dict)
    labels: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def order_seed(self) -> str:
        """What the order of the examples is drawn by: each round has its own."""
        return "/".join(map(str, (self.task.seed, *self.labels.values())))

    @property
    def last(self) -> int:
        """Steps of the run that are done after it."""
        return self.first + self.schedule.steps


def fit(
    phase: Phase,
    resumed: int,
    advance: Callable[[int], None],
    make_trainer: Callable[[Any, Any], Any],
) -> None:
    """Take the steps of a phase that are left, and publish its checkpoints.

    On a CPU an interrupted phase ends with the same bytes as an undisturbed one.

    Args:
        phase: What is trained.
        resumed: The step of the run to continue from: `phase.first`, or a checkpoint's within it.
        advance: Told of each step done.
        make_trainer: Makes the trainer for student and tokenizer; its class is a `resumable` one.

    Raises:
        ModelError: The model cannot be loaded.
        StorageError: The disk is full.
        WorkError: The loss is not a number any more.
    """
    from forget.training.drift.probe import obtain_probe
    from forget.training.heap import kept_heap
    from forget.training.loop import Session
    from forget.training.student import load_student, model_writer, quiet
    from forget.training.tracking import reporting

    task, store, within = phase.task, phase.store, resumed > phase.first
    settings: TrainingSettings = task.settings
    tokenizer = load_tokenizer(task.model)
    with quiet(), kept_heap():
        probe = together.from_main(lambda: obtain_probe(task, store.training))
        checkpoint = store.checkpoint(resumed) if within else phase.start
        model = load_student(task.model, settings, task.seed, checkpoint)
        session = Session(
            store=store,
            curve=task.output / "metrics.jsonl",
            first=phase.first,
            steps_per_epoch=phase.schedule.steps_per_epoch,
            tokens=phase.tokens,
            write_model=model_writer(model, tokenizer, task.model),
            details={"base_model": str(task.model.absolute()), "lora": settings.lora_rank > 0},
            announce=task.announce,
            advance=advance,
            log_every=settings.log_every,
            save_every=settings.checkpoint_every,
            metrics=phase.metrics,
            labels=phase.labels,
            measure=None if probe is None else _meter(phase, probe, model).measure,
        )
        session.restore(resumed)
        if together.is_main():
            journal.cut(RunFolder(task.output).drift_journal, resumed)
        if phase.start is None:
            warn_of_rounding(task.progress.note, model, phase.lr)
        trainer = make_trainer(model, tokenizer)
        trainer.session = session
        _silence(trainer)
        if settings.l2_to_base:
            trainer.add_callback(_base_pull(phase, model if checkpoint is None else None))
        with reporting(task, resumed) as session.report:
            trainer.train(resume_from_checkpoint=str(store.state(resumed)) if within else None)


def trainer_arguments(phase: Phase, config: Any, **further: Any) -> Any:
    """Translate the settings into those of a trainer.

    Args:
        phase: What is trained.
        config: The trainer's class of arguments: `trl.SFTConfig` and its like.
        further: What this trainer has besides.
    """
    import torch

    settings: TrainingSettings = phase.task.settings
    cuda, processes = torch.cuda.is_available(), together.count()
    arguments = config(
        output_dir=str(phase.task.output),  # nothing is written there by the trainer itself
        seed=phase.task.seed,
        max_steps=phase.schedule.steps,
        per_device_train_batch_size=phase.schedule.micro_batch_size,
        gradient_accumulation_steps=phase.schedule.accumulation(processes),
        learning_rate=phase.lr,
        lr_scheduler_type=settings.lr_schedule,
        warmup_steps=phase.schedule.warmup_steps,
        optim={"adamw": "adamw_torch_fused", "rmsprop": "rmsprop"}[phase.optimizer],
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        gradient_checkpointing=settings.gradient_checkpointing,
        bf16=autocasts(settings.dtype),
        fp16=False,
        use_cpu=not (cuda or (torch.backends.mps.is_available() and processes == 1)),
        ddp_find_unused_parameters=False,
        dataloader_pin_memory=cuda,
        # When there is a point of the curve and a checkpoint is for the `Session` to say.
        save_strategy="no",
        logging_strategy="no",
        logging_nan_inf_filter=False,
        eval_strategy="no",
        report_to="none",  # see `training.tracking`
        disable_tqdm=True,
        **further,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel is not supported by TRL
    return arguments


def announce_published(task: TrainTask, store: CheckpointStore, up_to: int) -> None:
    """Tell again of the checkpoints that are there, up to a step."""
    for step, folder in store.published(up_to):
        task.announce(step, folder)


def padding(tokenizer: Any) -> int:
    """Return a token id to pad with; padding is neither attended to nor in the loss."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0


def _meter(phase: Phase, probe: Probe, model: Any) -> Meter:
    """Return what measures the model's distance from the base at each checkpoint."""
    from forget.training.drift.meter import Meter

    return Meter(
        model=model,
        probe=probe,
        base=phase.task.model,
        file=RunFolder(phase.task.output).drift_journal,
        labels=phase.labels,
    )


def _base_pull(phase: Phase, base: Any | None) -> Any:
    """Return what pulls to the base, whatever checkpoint the phase starts or continues from.

    Args:
        phase: What is trained.
        base: The base model as it was loaded, if the phase begins with it.
    """
    from forget.training.base_pull import BasePull, as_callback, weights_of
    from forget.training.student import load_student

    task, l2 = phase.task, phase.task.settings.l2_to_base
    if base is None:
        base = load_student(task.model, task.settings, task.seed, None)
    return as_callback(BasePull(weights_of(base), l2, task.seed, phase.first))


def _silence(trainer: Any) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
