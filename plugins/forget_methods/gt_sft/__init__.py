"""GT-SFT: supervised fine-tuning on the dataset's own solutions."""

from __future__ import annotations

from collections.abc import Iterable

from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, SupervisedSettings, TrainTask
from forget.training import SupervisedLength

__all__ = ["GtSft", "forget_methods"]


class GtSft(SupervisedLength):
    """Supervised fine-tuning on ground truth: the baseline every other method is held against."""

    name = "gt-sft"
    title = "GT-SFT"
    summary = "Supervised fine-tuning on the dataset's own worked solutions"
    paper = "Ouyang et al. 2022, https://arxiv.org/abs/2203.02155, section 3.5"
    settings = SupervisedSettings
    needs = Needs()

    def prepare(self, task: PrepareTask) -> None:
        """Write one conversation per training example."""
        from forget.training import write_examples
        from forget_methods.gt_sft.data import ground_truth

        write_examples(task, ground_truth(task))

    def train(self, task: TrainTask) -> None:
        """Train with the shared supervised loop."""
        from forget.training import train_supervised

        train_supervised(task)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield GT-SFT."""
    yield GtSft()
