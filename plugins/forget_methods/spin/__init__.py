"""SELF/SPIN: self-play, and two more ways for a model to learn from what it writes itself."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs

from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainTask
from forget.settings import setting, variant_setting
from forget.training.rollouts.demonstration import DEMONSTRATION, check_demonstration
from forget.training.rollouts.length import RoundsLength
from forget.training.rollouts.settings import RoundSettings

__all__ = ["Spin", "SpinSettings", "forget_methods"]


_AS_SFT = {
    "lr": 1e-5,
    "lr_factors": (1.0,),
    "lr_schedule": "cosine",
    "warmup": 0.05,
    "weight_decay": 0.01,
    "optimizer": "adamw",
    "batch_size": 16,
}
"""What the variants without pairs have in common with the supervised methods."""


@attrs.frozen(kw_only=True)
class SpinSettings(RoundSettings):
    """Settings of self-play fine-tuning; the defaults are those of its authors."""

    variant: Literal["spin", "sdft", "self-sft"] = variant_setting(
        "spin",
        "spin: pairs with the solution; sdft: the model told the solution as teacher; self-sft: "
        "own right answers, once. The last two set other defaults (docs/methods/spin.md)",
        {
            "sdft": {**_AS_SFT, "epochs": 1.0},
            "self-sft": {**_AS_SFT, "rounds": 1, "num_generations": 4},
        },
    )
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
    divergence: Literal["reverse", "forward", "jsd"] = setting(
        "reverse", "variant=sdft: what is made small between teacher and student, by tokens"
    )
    teacher_rate: float = setting(
        0.01, "variant=sdft: share of the way that the teacher follows the student at each step",
        minimum=0, maximum=1,
    )  # fmt: skip
    demonstration: str = setting(DEMONSTRATION, "variant=sdft: the prompt that tells a solution")

    def __attrs_post_init__(self) -> None:
        """Refuse settings that mean nothing.

        Raises:
            SettingsError: A demonstration that tells nothing, besides what all methods refuse.
        """
        super().__attrs_post_init__()
        check_demonstration(self.demonstration)

    @property
    def joins_previous(self) -> bool:
        """Whether an iteration learns from the pairs of the one before too."""
        return self.variant == "spin" and self.mix_previous


class Spin(RoundsLength):
    """Iteration by iteration: answer, then learn from the answers and the dataset's solutions."""

    name = "spin"
    title = "SELF/SPIN"
    summary = "Self-play: the dataset's solutions preferred to the model's own"
    paper = "Chen et al. 2024, https://arxiv.org/abs/2401.01335, equation 4.7 and algorithm 1"
    settings = SpinSettings
    needs = Needs(rollouts=True, reference_policy=True)

    def learned(self, settings: RoundSettings, questions: int, index: int) -> int:
        """See `RoundsLength.learned`: the pairs of the iteration before may join in."""
        assert isinstance(settings, SpinSettings)
        own = super().learned(settings, questions, index)
        return 2 * own if index and settings.joins_previous else own

    def prepare(self, task: PrepareTask) -> None:
        """Write the questions with what the variant needs of them."""
        from forget.training.rollouts.demonstration import inform
        from forget.training.rollouts.questions import write_questions

        settings: SpinSettings = task.settings
        told = settings.variant == "sdft"
        write_questions(
            task,
            verified=settings.variant == "self-sft",
            learn_solutions=settings.variant == "spin",
            informed=inform(settings.demonstration) if told else None,
        )

    def train(self, task: TrainTask) -> None:
        """Write and learn in turns."""
        from forget.training.rollouts.rounds import train_rounds
        from forget_methods.spin.lesson import follow, imitate, play

        settings: SpinSettings = task.settings
        lesson = {"spin": play, "sdft": follow, "self-sft": imitate}[settings.variant]
        train_rounds(task, lesson, remember=settings.joins_previous)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield SPIN."""
    yield Spin()
