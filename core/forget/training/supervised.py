"""The supervised loop: TRL's SFTTrainer on rows whose tokens, loss mask and weights are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import attrs

from forget.errors import DataError
from forget.inference.loading import load_tokenizer
from forget.method import SupervisedSettings, TrainTask
from forget.progress import Advance
from forget.store.manifest import Manifest, read_manifest
from forget.training import together
from forget.training.phase import IGNORED, Phase, fit, padding, trainer_arguments
from forget.training.plan import Schedule, data_order, make_schedule
from forget.training.sampled import DRAWN, TARGET, Draws, sampled
from forget.training.single import prepared, train_single
from forget.training.weighted import (
    SCALE,
    Normalizer,
    NumbersCollator,
    WeightedLoss,
    batch_scales,
)

__all__ = ["Row", "fit_rows", "tokens_by_step", "train_supervised"]


@attrs.frozen
class Row:
    """One example as the trainer sees it.

    Attributes:
        input_ids: Prompt and completion.
        labels: The same, `IGNORED` where a token is not in the loss.
        weight: The example's share in the loss, beside the others'.
    """

    input_ids: Sequence[int]
    labels: Sequence[int]
    weight: float = 1.0

    @property
    def tokens(self) -> int:
        """Tokens in the loss."""
        return sum(label != IGNORED for label in self.labels)


def train_supervised(task: TrainTask) -> None:
    """Fine-tune on the prepared conversations; called again after a crash, continue exactly.

    The loss is the mean negative log-likelihood of the completion tokens of the whole batch,
    however it is cut into micro-batches: ``sum(m_t * -log p(y_t)) / sum(m_t)``. If the settings ask
    for it, `token_weights` weights the examples and masks tokens.

    Written below ``task.output``: ``checkpoints/step-*``, ``metrics.jsonl`` (one line per point of
    the curve; ``tokens`` counts completion tokens), and ``training-state/`` while it is not done.
    On a CPU an interrupted training ends with the same bytes as an undisturbed one.

    Raises:
        DataError: The data folder is incomplete.
        SettingsError: The batch sizes do not fit, or there is no step to do.
        ModelError: The base model cannot be loaded.
        FrozenRunError: The folder holds checkpoints of another training.
        StorageError: The disk is full.
        WorkError: The loss is not a number any more, the memory does not suffice, or no token is
            left in the loss.
    """
    manifest, replay = prepared(task.data), _replay(task)
    replay_rows = replay.details["rows"] if replay else 0
    digests = [part.details["digest"] for part in (manifest, replay) if part]

    def fit(phase: Phase, resumed: int, advance: Advance) -> None:
        rows, normalizer = _rows(phase)
        fit_rows(phase, rows, resumed, advance, normalizer)

    schedule = make_schedule(task.settings, manifest.details["rows"], replay_rows)
    train_single(task, schedule, "+".join(digests), fit)


def fit_rows(
    phase: Phase,
    rows: Sequence[Row],
    resumed: int,
    advance: Callable[[int], None],
    normalizer: Normalizer | None = None,
    draws: Draws | None = None,
) -> None:
    """Take the steps of a phase on rows, each pass in its own order; see `fit`.

    Args:
        phase: What is trained; its ``tokens`` are counted here.
        rows: The examples; `Schedule.rows` of them.
        resumed: The step of the run to continue from.
        advance: Told of each step done.
        normalizer: What the weighted loss of a batch is divided by, see `weighted.batch_scales`;
            without one all weights are 1 and the loss is TRL's own.
        draws: The rows are draws of a policy, and the loss is the mean of `over_samples`.
    """
    from datasets import Dataset

    from forget.training.loop import resumable

    order = data_order(phase.schedule, phase.order_seed)
    tokens = [row.tokens for row in rows]
    examples: list[dict[str, Any]] = [
        {"input_ids": list(row.input_ids), "labels": list(row.labels)} for row in rows
    ]
    dataset = Dataset.from_list(examples).select(order)
    numbers, losses = _objective(phase.schedule, rows, order, normalizer, draws)
    for name, column in numbers.items():
        dataset = dataset.add_column(name, column)

    def make_trainer(model: Any, tokenizer: Any) -> Any:
        from trl import SFTTrainer

        return resumable(SFTTrainer, *losses)(
            model=model,
            args=_arguments(phase, keep_columns=bool(numbers)),
            train_dataset=dataset,
            # Given explicitly, because the trainer's own changes pad tokens in model and tokenizer.
            data_collator=_collator(padding(tokenizer), list(numbers)),
            processing_class=tokenizer,
        )

    fit(
        attrs.evolve(
            phase, tokens=tokens_by_step(tokens, order, phase.schedule, phase.tokens_before)
        ),
        resumed,
        advance,
        make_trainer,
    )


def _objective(
    schedule: Schedule,
    rows: Sequence[Row],
    order: Sequence[int],
    normalizer: Normalizer | None,
    draws: Draws | None,
) -> tuple[dict[str, list[float]], list[type]]:
    """Return the numbers that each example of the order comes with, and the loss they are for."""
    if normalizer is None and draws is None:
        return {}, []
    weights = [rows[index].weight for index in order]
    tokens = [rows[index].tokens for index in order]
    if draws is None:
        assert normalizer is not None
        scales = batch_scales(weights, tokens, schedule.batch_size, normalizer)
        return {SCALE: scales}, [WeightedLoss]
    alike = [1.0] * len(order)
    numbers = {
        SCALE: batch_scales(alike, tokens, schedule.batch_size, "sequences"),
        TARGET: weights,
        DRAWN: [draws.log_probs[index] for index in order],
    }
    return numbers, [sampled(draws.divergence)]


def _collator(pad: int, numbers: Sequence[str]) -> Any:
    from trl.trainer.sft_trainer import DataCollatorForLanguageModeling

    collator = DataCollatorForLanguageModeling(pad_token_id=pad)
    return NumbersCollator(collator, numbers) if numbers else collator


def _arguments(phase: Phase, *, keep_columns: bool) -> Any:
    from trl import SFTConfig

    return trainer_arguments(
        phase,
        SFTConfig,
        train_sampling_strategy="sequential",  # the rows are in order already
        dataset_kwargs={"skip_prepare_dataset": True},  # tokens are made by `masking`
        max_length=None,
        packing=False,
        remove_unused_columns=not keep_columns,
    )


def tokens_by_step(
    tokens: Sequence[int], order: Sequence[int], schedule: Schedule, before: int = 0
) -> list[int]:
    """Return the completion tokens trained on after 0, 1, 2 ... steps, from those of each row."""
    running = list(accumulate((tokens[index] for index in order), initial=before))
    return running[:: schedule.batch_size]


def _replay(task: TrainTask) -> Manifest | None:
    """Return what the folder of replayed examples says of itself, if the settings ask for some."""
    if not isinstance(task.settings, SupervisedSettings) or not task.settings.replay:
        return None
    manifest = read_manifest(task.replay) if task.replay else None
    if manifest is None or manifest.kind != "data":
        raise DataError(f"{task.replay} holds no complete examples to replay: prepare them first.")
    return manifest


def _rows(phase: Phase) -> tuple[list[Row], Normalizer | None]:
    """Return the examples, and how their weights are counted if they have some.

    Replayed ones keep weight and tokens: they are there to hold the model, not to be learned.
    """
    from forget.training.token_weights import weigh_rows, weighs

    rows = _encode_all(phase.task)
    if not weighs(phase.task.settings):
        return rows, None
    order = data_order(phase.schedule, phase.order_seed)
    used = sorted({index for index in order if index < phase.schedule.rows})
    own = [rows[index] for index in used]
    weighed = together.from_main(lambda: weigh_rows(phase.task, own, phase.store.training))
    for index, row in zip(used, weighed, strict=True):
        rows[index] = row
    return rows, "unweighted"


def _encode_all(task: TrainTask) -> list[Row]:
    """Return every prepared example as token ids; tokens outside the completion are ignored.

    Replayed ones follow the others.
    """
    from forget.training.examples import read_examples
    from forget.training.masking import encode

    tokenizer = load_tokenizer(task.model)
    rows = []
    replay = read_examples(task.replay) if task.replay else []
    for item in [*read_examples(task.data), *replay]:
        ids, mask = encode(tokenizer, item.messages, item.completion)
        labels = [token if use else IGNORED for token, use in zip(ids, mask, strict=True)]
        rows.append(Row(ids, labels))
    return rows
