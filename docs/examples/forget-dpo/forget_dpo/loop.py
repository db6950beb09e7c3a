"""The training: forget's preference loop on the prepared pairs."""

from __future__ import annotations

from forget.inference.loading import load_tokenizer
from forget.method import TrainTask
from forget.progress import Advance
from forget.training import read_examples
from forget.training.masking import encode
from forget.training.phase import Phase
from forget.training.plan import make_schedule
from forget.training.preference import Pair, fit_pairs
from forget.training.single import prepared, train_single


def train_on_pairs(task: TrainTask) -> None:
    """Train from the base model, which is the reference too; called again, continue exactly."""
    details = prepared(task.data).details

    def fit(phase: Phase, resumed: int, advance: Advance) -> None:
        fit_pairs(phase, _encoded(task), resumed, advance, task.settings.beta)

    train_single(task, make_schedule(task.settings, details["rows"]), details["digest"], fit)


def _encoded(task: TrainTask) -> list[Pair]:
    """Return the pairs as token ids; both answers follow the prompt of the chosen one."""
    tokenizer = load_tokenizer(task.model)
    pairs = []
    for item in read_examples(task.data):
        assert item.rejected is not None  # `prepare` writes pairs alone
        chosen = encode(tokenizer, item.messages, item.completion)
        rejected = encode(tokenizer, item.messages, item.rejected)
        start, other = chosen.completion_mask.index(1), rejected.completion_mask.index(1)
        pairs.append(
            Pair(chosen.input_ids[:start], chosen.input_ids[start:], rejected.input_ids[other:])
        )
    return pairs
