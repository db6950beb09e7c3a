"""CF-SFT: supervised fine-tuning on verified solutions of a teacher of another family."""

from __future__ import annotations

from collections.abc import Iterable

from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainTask
from forget.training import TrajectorySettings

__all__ = ["CfSft", "forget_methods"]


class CfSft:
    """Rejection-sampled distillation across families: differs from GT-SFT in its data alone."""

    name = "cf-sft"
    title = "CF-SFT"
    summary = "Supervised fine-tuning on verified solutions of a teacher of another family"
    paper = "Yuan et al. 2023, https://arxiv.org/abs/2308.01825, section 3.3 (rejection sampling)"
    settings = TrajectorySettings
    needs = Needs(teacher="cross-family", verifier=True)

    def prepare(self, task: PrepareTask) -> None:
        """Have the teacher answer the training questions; keep what is right."""
        from forget.training import write_trajectories

        write_trajectories(task)

    def train(self, task: TrainTask) -> None:
        """Train with the shared supervised loop."""
        from forget.training import train_supervised

        train_supervised(task)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield CF-SFT."""
    yield CfSft()
