"""What SF-SFT and CF-SFT are but for their names and the teacher they need."""

from __future__ import annotations

from forget.method import PrepareTask, TrainTask
from forget.training.trajectories.settings import TrajectorySettings

__all__ = ["TaughtSft"]


class TaughtSft:
    """Supervised fine-tuning on a teacher's verified completions; a subclass names itself."""

    paper = "Yuan et al. 2023, https://arxiv.org/abs/2308.01825, section 3.3 (rejection sampling)"
    settings = TrajectorySettings

    def prepare(self, task: PrepareTask) -> None:
        """Have the teacher answer the training questions; keep what is right."""
        from forget.training.trajectories.generate import write_trajectories

        write_trajectories(task)

    def train(self, task: TrainTask) -> None:
        """Train with the shared supervised loop."""
        from forget.training.supervised import train_supervised

        train_supervised(task)
