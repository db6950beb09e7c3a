"""What SF-SFT and CF-SFT are but for their names and the teacher they need."""

from __future__ import annotations

from forget.method import PrepareTask, TrainingSettings, TrainTask
from forget.training.length import SupervisedLength, drawn
from forget.training.trajectories.settings import TrajectorySettings

__all__ = ["TaughtSft"]


class TaughtSft(SupervisedLength):
    """Supervised fine-tuning on a teacher's verified completions; a subclass names itself."""

    paper = "Yuan et al. 2023, https://arxiv.org/abs/2308.01825, section 3.3 (rejection sampling)"
    settings = TrajectorySettings

    def most_rows(self, settings: TrainingSettings, examples: int) -> int:
        """See `Foreseeable.most_rows`: questions, times the completions that are kept of each."""
        assert isinstance(settings, TrajectorySettings)
        asked = min(examples, settings.max_questions or examples)
        return drawn(settings, asked * min(settings.samples, settings.keep_per_question))

    def prepare(self, task: PrepareTask) -> None:
        """Have the teacher answer the training questions; keep what is right."""
        from forget.training.trajectories.generate import write_trajectories

        write_trajectories(task)

    def train(self, task: TrainTask) -> None:
        """Train with the shared supervised loop."""
        from forget.training.supervised import train_supervised

        train_supervised(task)
