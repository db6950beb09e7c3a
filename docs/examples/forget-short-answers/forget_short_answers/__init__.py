"""A method: supervised fine-tuning on bare answers, without the worked solution."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainingSettings, TrainTask
from forget.settings import setting

FORGET_API_VERSION = "1.0"


@attrs.frozen(kw_only=True)
class ShortAnswersSettings(TrainingSettings):
    """What every method has, and one setting of its own."""

    prefix: str = setting("#### ", "text before the answer")


class ShortAnswers:
    """SFT that learns what to answer and never why."""

    name = "short-answers"
    title = "Short answers"
    summary = "SFT on the bare answers, without the worked solution"
    paper = ""
    settings = ShortAnswersSettings
    needs = Needs()

    def prepare(self, task: PrepareTask) -> None:
        """Write one conversation per training example."""
        from forget.training import Conversation, write_examples

        examples = task.dataset.load("train", task.data)
        prefix = task.settings.prefix
        write_examples(
            task,
            (Conversation(e.id, task.dataset.prompt(e), prefix + e.answer) for e in examples),
        )

    def train(self, task: TrainTask) -> None:
        """Train with the shared supervised loop."""
        from forget.training import train_supervised

        train_supervised(task)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield the method."""
    yield ShortAnswers()
