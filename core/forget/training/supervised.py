"""The supervised loop: TRL's SFTTrainer on examples whose tokens and loss mask are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

from forget.errors import DataError, WorkError
from forget.inference.loading import load_tokenizer
from forget.method import TrainingSettings, TrainTask
from forget.store.manifest import read_manifest
from forget.training.checkpoints import CheckpointStore
from forget.training.plan import Schedule, data_order, make_schedule, training_digest

__all__ = ["train_supervised"]

_IGNORED = -100
"""The label that transformers and TRL leave out of the loss."""


def train_supervised(task: TrainTask) -> None:
    """Fine-tune on the prepared conversations; called again after a crash, continue exactly.

    The loss is the mean negative log-likelihood of the completion tokens of the whole batch,
    however it is cut into micro-batches: ``sum(m_t * -log p(y_t)) / sum(m_t)``.

    Written below ``task.output``: ``checkpoints/step-*``, ``metrics.jsonl`` (one line per point of
    the curve; ``tokens`` counts completion tokens), and ``training-state/`` while it is not done.
    On a CPU an interrupted training ends with the same bytes as an undisturbed one.

    Raises:
        DataError: The data folder is incomplete.
        SettingsError: The batch sizes do not fit, or there is no step to do.
        ModelError: The base model cannot be loaded.
        FrozenRunError: The folder holds checkpoints of another training.
        StorageError: The disk is full.
        WorkError: The loss is not a number any more, or the memory does not suffice.
    """
    schedule, store = _plan(task)
    store.clean()
    if store.finished():
        _announce(task, store, schedule.steps)
        with task.progress.task("training", schedule.steps) as advance:
            advance(schedule.steps)
        return
    resumed = store.resume_step()
    _announce(task, store, resumed)
    if resumed:
        task.progress.note(f"continuing after step {resumed} of {schedule.steps}")
    _train(task, schedule, store, resumed)


def _plan(task: TrainTask) -> tuple[Schedule, CheckpointStore]:
    manifest = read_manifest(task.data)
    if manifest is None or manifest.kind != "data":
        raise DataError(f"{task.data} holds no complete training data: prepare it first.")
    schedule = make_schedule(task.settings, manifest.details["rows"])
    store = CheckpointStore(
        output=task.output,
        training=training_digest(task.settings, task.seed, manifest.details["digest"]),
        last_step=schedule.steps,
    )
    return schedule, store


def _announce(task: TrainTask, store: CheckpointStore, up_to: int) -> None:
    for step, folder in store.published(up_to):
        task.announce(step, folder)


def _train(task: TrainTask, schedule: Schedule, store: CheckpointStore, resumed: int) -> None:
    with task.progress.task("training", schedule.steps) as advance:
        _fit(task, schedule, store, resumed, advance)


def _fit(
    task: TrainTask,
    schedule: Schedule,
    store: CheckpointStore,
    resumed: int,
    advance: Callable[[int], None],
) -> None:
    import torch
    from trl import SFTTrainer
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    from forget.training.heap import kept_heap
    from forget.training.loop import Session, resumable
    from forget.training.student import load_student, model_writer, quiet

    tokenizer = load_tokenizer(task.model)
    rows = _encode_all(task, tokenizer)
    order = data_order(schedule, task.seed)
    checkpoint = store.checkpoint(resumed) if resumed else None
    with quiet(), kept_heap():
        model = load_student(task.model, task.settings, task.seed, checkpoint)
        session = Session(
            store=store,
            curve=task.output / "metrics.jsonl",
            steps_per_epoch=schedule.steps_per_epoch,
            tokens=_tokens_by_step(rows, order, schedule),
            write_model=model_writer(model, tokenizer, task.model),
            details={"base_model": str(task.model.absolute()), "lora": task.settings.lora_rank > 0},
            announce=task.announce,
            advance=advance,
        )
        session.restore(resumed)
        advance(resumed)
        trainer = resumable(SFTTrainer)(
            model=model,
            args=_arguments(task, schedule),
            train_dataset=_dataset(rows, order),
            # Given explicitly, because the trainer's own changes pad tokens in model and tokenizer.
            data_collator=DataCollatorForLanguageModeling(pad_token_id=_padding(tokenizer)),
            processing_class=tokenizer,
        )
        trainer.session = session
        _silence(trainer)
        try:
            trainer.train(resume_from_checkpoint=str(store.state(resumed)) if resumed else None)
        except torch.OutOfMemoryError as error:
            raise WorkError(
                f"The accelerator's memory does not suffice for micro_batch_size="
                f"{schedule.micro_batch_size}. Lower it (results stay the same), or set "
                "gradient_checkpointing=true."
            ) from error


def _encode_all(task: TrainTask, tokenizer: Any) -> list[dict[str, list[int]]]:
    """Return input ids and labels of every row; tokens outside the completion are ignored."""
    from forget.training.examples import read_examples
    from forget.training.masking import encode

    rows = []
    for item in read_examples(task.data):
        ids, mask = encode(tokenizer, item.messages, item.completion)
        labels = [token if use else _IGNORED for token, use in zip(ids, mask, strict=True)]
        rows.append({"input_ids": ids, "labels": labels})
    return rows


def _tokens_by_step(
    rows: Sequence[dict[str, list[int]]], order: Sequence[int], schedule: Schedule
) -> list[int]:
    """Return the completion tokens trained on after 0, 1, 2 ... steps."""
    per_row = [sum(label != _IGNORED for label in row["labels"]) for row in rows]
    running = list(accumulate((per_row[index] for index in order), initial=0))
    return running[:: schedule.batch_size]


def _dataset(rows: list[dict[str, list[int]]], order: list[int]) -> Any:
    """Lay the examples out in the order of training; the trainer then reads them one by one."""
    from datasets import Dataset

    return Dataset.from_list(rows).select(order)


def _arguments(task: TrainTask, schedule: Schedule) -> Any:
    """Translate the settings into TRL's."""
    import torch
    from trl import SFTConfig

    settings: TrainingSettings = task.settings
    cuda = torch.cuda.is_available()
    arguments = SFTConfig(
        output_dir=str(task.output),  # nothing is written there by the trainer itself
        seed=task.seed,
        max_steps=schedule.steps,
        per_device_train_batch_size=schedule.micro_batch_size,
        gradient_accumulation_steps=schedule.accumulation,
        learning_rate=settings.lr,
        lr_scheduler_type=settings.lr_schedule,
        warmup_steps=schedule.warmup_steps,
        optim="adamw_torch_fused",
        weight_decay=settings.weight_decay,
        max_grad_norm=settings.max_grad_norm,
        gradient_checkpointing=settings.gradient_checkpointing,
        bf16=False,  # autocast; the weights themselves have the dtype of the settings
        fp16=False,
        use_cpu=not (cuda or torch.backends.mps.is_available()),
        dataloader_pin_memory=cuda,
        train_sampling_strategy="sequential",  # `_dataset` is in order already
        dataset_kwargs={"skip_prepare_dataset": True},  # tokens and labels are made by `masking`
        max_length=None,
        packing=False,
        save_strategy="steps",
        save_steps=settings.checkpoint_every,
        logging_steps=settings.log_every,
        logging_nan_inf_filter=False,
        eval_strategy="no",
        report_to="none",
        disable_tqdm=True,
    )
    arguments._n_gpu = min(arguments.n_gpu, 1)  # DataParallel is not supported by TRL
    return arguments


def _padding(tokenizer: Any) -> int:
    """Return a token id to pad with; padding is neither attended to nor in the loss."""
    for token in (tokenizer.pad_token_id, tokenizer.eos_token_id):
        if token is not None:
            return int(token)
    return 0


def _silence(trainer: Any) -> None:
    from transformers import PrinterCallback

    trainer.remove_callback(PrinterCallback)
