"""SELF/SPIN: self-play, the dataset's solutions preferred to the model's own."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs

from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainTask
from forget.settings import setting
from forget.training.rollouts.settings import RoundSettings

__all__ = ["Spin", "SpinSettings", "forget_methods"]


@attrs.frozen(kw_only=True)
class SpinSettings(RoundSettings):
    """Settings of self-play fine-tuning; the defaults are those of its authors."""

    lr: float = setting(5e-7, "peak learning rate of the first iteration", minimum=0)
    lr_factors: tuple[float, ...] = setting(
        (1.0, 1.0, 0.2, 0.2), "learning rate of each iteration as a share of lr; the last one stays"
    )
    lr_schedule: Literal["cosine", "linear", "constant_with_warmup"] = setting(
        "linear", "learning-rate schedule after the warm-up, in each iteration"
    )
    warmup: float = setting(0.1, "share of an iteration's steps that warm up", minimum=0, maximum=1)
    weight_decay: float = setting(0.0, "weight decay", minimum=0)
    optimizer: Literal["rmsprop", "adamw"] = setting("rmsprop", "what takes the steps")
    batch_size: int = setting(64, "pairs per optimiser step", minimum=1)
    max_length: int = setting(
        1024, "longest prompt with either completion [tokens]; longer pairs are dropped", minimum=8
    )
    rounds: int = setting(4, "iterations", minimum=1)
    num_generations: int = setting(1, "pairs per question", minimum=1)
    max_completion_length: int | None = setting(
        256, "longest completion [tokens]; none: the dataset's", minimum=1
    )
    beta: float = setting(0.1, "strength of the tie to the iteration's start (lambda)", minimum=0)
    mix_previous: bool = setting(
        True, "learn from the pairs of the iteration before too, as the authors do"
    )


class Spin:
    """Iteration by iteration: answer, then learn to prefer the dataset's solution."""

    name = "spin"
    title = "SELF/SPIN"
    summary = "Self-play: the dataset's solutions preferred to the model's own"
    paper = "Chen et al. 2024, https://arxiv.org/abs/2401.01335, equation 4.7 and algorithm 1"
    settings = SpinSettings
    needs = Needs(rollouts=True, reference_policy=True)

    def prepare(self, task: PrepareTask) -> None:
        """Write the questions with their solutions."""
        from forget.training.rollouts.questions import write_questions

        write_questions(task, verified=False, learn_solutions=True)

    def train(self, task: TrainTask) -> None:
        """Write and learn in turns."""
        from forget.training.rollouts.rounds import train_rounds
        from forget_methods.spin.lesson import play

        train_rounds(task, play, remember=task.settings.mix_previous)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield SPIN."""
    yield Spin()
