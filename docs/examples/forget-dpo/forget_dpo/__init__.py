"""Direct Preference Optimization on pairs that were collected before the training."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainingSettings, TrainTask
from forget.settings import setting
from forget.training import SupervisedLength


@attrs.frozen(kw_only=True)
class DpoSettings(TrainingSettings):
    """What every method has, some of it with the defaults of DPO's authors, and what pairs need."""

    lr: float = setting(1e-6, "peak learning rate", minimum=0)
    batch_size: int = setting(64, "pairs per optimiser step", minimum=1)
    epochs: float = setting(1.0, "passes over the pairs", minimum=0)
    beta: float = setting(0.1, "strength of the tie to the base model", minimum=0)
    pairs: str = setting("", "file of JSON lines with prompt, chosen and rejected")
    questions: int = setting(200, "without a file: questions that the base answers", minimum=1)
    samples: int = setting(2, "without a file: its answers to each", minimum=1)
    keep_truncated: bool = setting(False, "without a file: answers that were cut may be rejected")


class Dpo(SupervisedLength):
    """Learns to prefer one answer to another, no further from the base than that takes."""

    name = "dpo"
    title = "DPO"
    summary = "Direct Preference Optimization on pairs collected before the training"
    paper = "Rafailov et al. 2023, https://arxiv.org/abs/2305.18290, equation 7"
    settings = DpoSettings
    needs = Needs(verifier=True, reference_policy=True)

    def check(self, settings: DpoSettings) -> None:
        """Look at the file of pairs before anything is written."""
        from forget_dpo.pairs import read_pairs

        if settings.pairs:
            read_pairs(settings.pairs)

    def most_rows(self, settings: TrainingSettings, examples: int) -> int:
        """Say how many pairs there will be at most, so that a study can be planned."""
        from forget_dpo.pairs import read_pairs

        assert isinstance(settings, DpoSettings)
        if settings.pairs:
            return super().most_rows(settings, len(read_pairs(settings.pairs)))
        return super().most_rows(settings, min(settings.questions, examples))

    def prepare(self, task: PrepareTask) -> None:
        """Write one row for each pair."""
        from forget.training import write_examples

        from forget_dpo.collecting import pairs_of

        write_examples(task, pairs_of(task))

    def train(self, task: TrainTask) -> None:
        """Train on the pairs."""
        from forget_dpo.loop import train_on_pairs

        train_on_pairs(task)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield the method."""
    yield Dpo()
