"""The data of GT-SFT: every training example with its worked solution."""

from __future__ import annotations

from collections.abc import Iterator

from forget.method import PrepareTask
from forget.training import Conversation

__all__ = ["ground_truth"]


def ground_truth(task: PrepareTask) -> Iterator[Conversation]:
    """Pair every prompt of the training split with the dataset's solution."""
    for example in task.dataset.load("train", task.data):
        yield Conversation(example.id, task.dataset.prompt(example), example.solution)
