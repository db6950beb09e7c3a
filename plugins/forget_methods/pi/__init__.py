"""PI: policy-improvement distillation, own completions weighted by their reward."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs

from forget.errors import SettingsError
from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainTask
from forget.settings import setting
from forget.training.rollouts.settings import RoundSettings

__all__ = ["Pi", "PiSettings", "forget_methods"]


@attrs.frozen(kw_only=True)
class PiSettings(RoundSettings):
    """Settings of policy-improvement distillation."""

    epochs: float = setting(1.0, "passes over the rows of each round", minimum=0)
    num_generations: int = setting(8, "completions per question", minimum=2)
    operator: Literal["reward", "filter", "bon"] = setting(
        "reward",
        "what the improved policy is: reward-tilted, restricted to the best, or best of n draws",
    )
    beta: float = setting(
        0.5, "temperature of operator=reward, in the unit of the reward; inf keeps all", minimum=0
    )
    kl_budget: float | None = setting(
        None, "choose beta in each round so that the mean KL to the improved policy is this [nats]",
        minimum=0,
    )  # fmt: skip
    best_of: int = setting(4, "draws of operator=bon", minimum=1)
    normalizer: Literal["tokens", "sequences"] = setting(
        "tokens", "what a batch's loss is divided by: its weighted tokens, or its questions"
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

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            SettingsError: ``kl_budget`` with another operator than ``reward``.
        """
        super().__attrs_post_init__()
        if self.kl_budget is not None and self.operator != "reward":
            raise SettingsError(
                f"kl_budget chooses beta, which operator={self.operator} does not have. Leave one "
                "of them out."
            )


class Pi:
    """Round by round: answer, weight the answers by reward, fit the weighted ones."""

    name = "pi"
    title = "PI"
    summary = "Policy-improvement distillation: own completions weighted by their reward"
    paper = (
        "Abdolmaleki et al. 2018, https://arxiv.org/abs/1806.06920, section 4 (E- and M-step); "
        "docs/pi.md has the definition"
    )
    settings = PiSettings
    needs = Needs(verifier=True, rollouts=True)

    def prepare(self, task: PrepareTask) -> None:
        """Write the questions."""
        from forget.training.rollouts.questions import write_questions

        write_questions(task)

    def train(self, task: TrainTask) -> None:
        """Write and learn in turns."""
        from forget.training.rollouts.rounds import train_rounds
        from forget_methods.pi.lesson import improve

        train_rounds(task, improve)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield PI."""
    yield Pi()
