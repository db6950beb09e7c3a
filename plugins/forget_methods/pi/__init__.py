"""PI: policy-improvement distillation, own completions weighted by their reward."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Literal

import attrs

from forget.errors import SettingsError
from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainTask
from forget.settings import setting
from forget.training.rollouts.demonstration import DEMONSTRATION, check_demonstration
from forget.training.rollouts.length import RoundsLength
from forget.training.rollouts.settings import RoundSettings

__all__ = ["Pi", "PiSettings", "forget_methods"]


@attrs.frozen(kw_only=True)
class PiSettings(RoundSettings):
    """Settings of policy-improvement distillation."""

    epochs: float = setting(1.0, "passes over the rows of each round", minimum=0)
    num_generations: int = setting(8, "completions per question", minimum=2)
    operator: Literal["reward", "filter", "bon", "privileged"] = setting(
        "reward",
        "what the improved policy is: reward-tilted, restricted to the best, best of n draws, or "
        "the model that is told the solution (pi-Distill)",
    )
    divergence: Literal["forward", "reverse", "jsd"] = setting(
        "forward", "what is made small between improved policy and student"
    )
    beta: float = setting(
        0.5,
        "temperature of operator=reward, in the unit of the reward, inf keeps all; weight of the "
        "divergence of operator=privileged",
        minimum=0,
    )
    kl_budget: float | None = setting(
        None, "choose beta in each round so that the mean KL to the improved policy is this [nats]",
        minimum=0,
    )  # fmt: skip
    best_of: int = setting(4, "draws of operator=bon", minimum=1)
    normalizer: Literal["tokens", "sequences"] = setting(
        "tokens",
        "what a batch's loss is divided by: its weighted tokens, or its questions; "
        "divergence=reverse and jsd are means over completions",
    )
    keep_truncated: bool = setting(
        False, "learn from completions that were cut at their length limit too"
    )
    anchors: bool = setting(
        True, "learn from questions of which all completions are right, which holds the model"
    )
    restart_from_base: bool = setting(
        False, "train each round from the base model instead of the round before (ReST-EM)"
    )

    teacher_share: float = setting(
        0.5, "operator=privileged: share of the loss that the informed policy learns",
        minimum=0, maximum=1,
    )  # fmt: skip
    epsilon: float = setting(
        0.2, "operator=privileged: clipping of each token's probability ratio", minimum=0
    )
    demonstration: str = setting(
        DEMONSTRATION, "operator=privileged: the prompt that tells a solution"
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            SettingsError: ``kl_budget`` with another operator than ``reward``, a reverse divergence
                from a policy that excludes completions, or a demonstration that tells nothing.
        """
        super().__attrs_post_init__()
        check_demonstration(self.demonstration)
        excludes = self.operator in ("filter", "bon") or (self.operator, self.beta) == ("reward", 0)
        if self.divergence == "reverse" and excludes:
            raise SettingsError(
                f"divergence=reverse is infinite with operator={self.operator} and beta={self.beta}"
                ": the improved policy never writes what the student may write. Choose jsd or "
                "forward, or operator=reward with beta above 0."
            )
        if self.operator == "privileged" and not math.isfinite(self.beta):
            raise SettingsError(
                f"beta={self.beta} is the weight of operator=privileged's divergence and must be "
                "a finite number."
            )
        if self.kl_budget is not None and self.operator != "reward":
            raise SettingsError(
                f"kl_budget chooses beta, which operator={self.operator} does not have. Leave one "
                "of them out."
            )


class Pi(RoundsLength):
    """Round by round: answer, weight the answers by reward, fit the weighted ones."""

    name = "pi"
    title = "PI"
    summary = "Policy-improvement distillation: own completions weighted by their reward"
    paper = (
        "Abdolmaleki et al. 2018, https://arxiv.org/abs/1806.06920, section 4 (E- and M-step); "
        "docs/methods/pi.md has the definition"
    )
    settings = PiSettings
    needs = Needs(verifier=True, rollouts=True)

    def prepare(self, task: PrepareTask) -> None:
        """Write the questions."""
        from forget.training.rollouts.demonstration import inform
        from forget.training.rollouts.questions import write_questions

        settings: PiSettings = task.settings
        told = settings.operator == "privileged"
        write_questions(task, informed=inform(settings.demonstration) if told else None)

    def train(self, task: TrainTask) -> None:
        """Write and learn in turns; a privileged policy is told the solutions when it writes."""
        from forget.training.rollouts.demonstration import inform
        from forget.training.rollouts.rounds import train_rounds
        from forget_methods.pi.lesson import improve, learn_from_the_informed

        if task.settings.operator == "privileged":
            train_rounds(task, learn_from_the_informed, ask=inform(task.settings.demonstration))
        else:
            train_rounds(task, improve)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield PI."""
    yield Pi()
