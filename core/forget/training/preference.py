"""The preference loop: TRL's DPOTrainer on pairs whose tokens and reference are settled."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import attrs

from forget.training.phase import IGNORED, Phase, fit, trainer_arguments
from forget.training.plan import data_order
from forget.training.reference import kept_log_probs
from forget.training.supervised import Row, tokens_by_step

__all__ = ["Pair", "fit_pairs"]

_METRICS = {
    "rewards/accuracies": "preferred_share",
    "rewards/margins": "margin",
    "logps/chosen": "chosen_log_prob",
    "logps/rejected": "rejected_log_prob",
}


class Pair(NamedTuple):
    """Two completions of one prompt as token ids.

    Attributes:
        prompt: The prompt of both.
        chosen: The completion to be preferred, end of turn included.
        rejected: The other one.
    """

    prompt: Sequence[int]
    chosen: Sequence[int]
    rejected: Sequence[int]


def fit_pairs(
    phase: Phase,
    pairs: Sequence[Pair],
    resumed: int,
    advance: Callable[[int], None],
    beta: float,
) -> None:
    """Take the steps of a phase on pairs, each pass in its own order; see `fit`.

    The loss of a pair is ``-log sigmoid(beta (log p/p_ref(chosen) - log p/p_ref(rejected)))`` with
    log-probabilities summed over the completions (Rafailov et al. 2023, arXiv:2305.18290, equation
    7), averaged over the batch. The reference is the model that the phase starts from; its
    log-probabilities are computed once and kept beside the run's rounds.

    Args:
        phase: What is trained; its ``tokens`` and ``metrics`` are settled here.
        pairs: The examples; `Schedule.rows` of them.
        resumed: The step of the run to continue from.
        advance: Told of each step done.
        beta: Strength of the tie to the reference.
    """
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    from forget.training.loop import resumable
    from forget.training.student import drop_reference_copy

    order = data_order(phase.schedule, phase.order_seed)
    dataset = Dataset.from_list(_columns(phase, pairs)).select(order)

    def make_trainer(model: Any, tokenizer: Any) -> Any:
        trainer = resumable(DPOTrainer, _Prepared)(
            model=model,
            args=trainer_arguments(
                phase,
                DPOConfig,
                train_sampling_strategy="sequential",  # the pairs are in order already
                beta=beta,
                loss_type="sigmoid",
                max_length=None,
                precompute_ref_log_probs=True,
            ),
            train_dataset=dataset,
            processing_class=tokenizer,
        )
        drop_reference_copy(model)  # the reference is here already
        return trainer

    tokens = [len(pair.chosen) + len(pair.rejected) for pair in pairs]
    counted = tokens_by_step(tokens, order, phase.schedule, phase.tokens_before)
    fit(attrs.evolve(phase, tokens=counted, metrics=_METRICS), resumed, advance, make_trainer)


class _Prepared:
    """Mixin for `trl.DPOTrainer`: tokens and reference are in the dataset already."""

    def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset

    def _precompute_ref_logps(self, dataset: Any, *_: Any, **__: Any) -> Any:
        return dataset


def _columns(phase: Phase, pairs: Sequence[Pair]) -> list[dict[str, Any]]:
    """Return the pairs with their reference log-probabilities under the trainer's own names."""
    rows = [_row(pair.prompt, completion) for pair in pairs for completion in pair[1:]]
    sums = kept_log_probs(phase, rows)
    return [
        {
            "prompt_ids": list(pair.prompt),
            "chosen_ids": list(pair.chosen),
            "rejected_ids": list(pair.rejected),
            "ref_chosen_logps": chosen,
            "ref_rejected_logps": rejected,
        }
        for pair, chosen, rejected in zip(pairs, sums[::2], sums[1::2], strict=True)
    ]


def _row(prompt: Sequence[int], completion: Sequence[int]) -> Row:
    return Row([*prompt, *completion], [*[IGNORED] * len(prompt), *completion])
