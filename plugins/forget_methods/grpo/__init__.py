"""GRPO: group relative policy optimisation, online reinforcement learning with rewards."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import attrs

from forget.errors import SettingsError
from forget.hooks import hookimpl
from forget.method import Method, Needs, PrepareTask, TrainTask
from forget.settings import setting
from forget.training.length import Length, drawn
from forget.training.plan import Schedule, make_schedule
from forget.training.rollouts.settings import RolloutSettings

__all__ = ["Grpo", "GrpoSettings", "forget_methods"]


@attrs.frozen(kw_only=True)
class GrpoSettings(RolloutSettings):
    """Settings of group relative policy optimisation; see docs/methods/grpo.md for the formulas."""

    lr: float = setting(1e-6, "peak learning rate", minimum=0)
    batch_size: int = setting(
        64, "completions per optimiser step, a multiple of num_generations", minimum=1
    )
    micro_batch_size: int = setting(4, "completions per forward pass", minimum=1)
    num_generations: int = setting(4, "completions per question: a group", minimum=2)
    checkpoint_every: int = setting(200, "optimiser steps between checkpoints", minimum=1)
    loss_type: Literal["dapo", "grpo", "dr_grpo", "bnpo", "cispo", "sapo", "luspo", "vespo"] = (
        setting("dapo", "how the losses of tokens become one; TRL's names")
    )
    scale_rewards: Literal["group", "batch", "none"] = setting(
        "group", "whose standard deviation the advantages are divided by"
    )
    beta: float = setting(0.0, "weight of the KL divergence from the base model", minimum=0)
    num_iterations: int = setting(1, "optimiser steps on each batch of completions", minimum=1)
    epsilon: float = setting(
        0.2, "clipping of the probability ratio; it is 1 unless num_iterations is more", minimum=0
    )
    epsilon_high: float | None = setting(
        None, "its upper side, if that is another; of cispo, the largest ratio", minimum=0
    )
    mask_truncated_completions: bool = setting(
        False, "leave completions that were cut at their length limit out of the loss"
    )
    rollout_engine: Literal["auto", "transformers", "vllm_colocate", "vllm_server"] = setting(
        "auto",
        "what writes; auto: vLLM on the same GPU where it is installed, else transformers",
        technical=True,
    )
    vllm_gpu_memory_utilization: float = setting(
        0.3, "share of the GPU's memory for vllm_colocate", minimum=0.01, maximum=1, technical=True
    )
    vllm_server_url: str = setting(
        "http://localhost:8000", "where vllm_server answers", technical=True
    )

    def __attrs_post_init__(self) -> None:
        """Refuse settings that contradict each other.

        Raises:
            SettingsError: Which, and what to do.
        """
        super().__attrs_post_init__()
        for wrong in filter(None, (self._groups(), self._passes(), self._cispo(), self._dropout())):
            raise SettingsError(wrong)

    def schedule(self, rows: int) -> Schedule:
        """Work out the steps of a training on so many questions; see `make_schedule`."""
        return make_schedule(self, rows, per_row=self.num_generations, passes=self.num_iterations)

    def _groups(self) -> str:
        if self.batch_size % self.num_generations == 0:
            return ""
        return (
            f"batch_size={self.batch_size} is not a multiple of num_generations="
            f"{self.num_generations}: a step takes whole groups of completions. Set batch_size="
            f"{-(-self.batch_size // self.num_generations) * self.num_generations}, for instance."
        )

    def _passes(self) -> str:
        if self.checkpoint_every % self.num_iterations == 0:
            return ""
        return (
            f"checkpoint_every={self.checkpoint_every} is not a multiple of num_iterations="
            f"{self.num_iterations}: a checkpoint lies between two batches of completions, so that "
            "a training can go on from it. Change one of them."
        )

    def _cispo(self) -> str:
        if self.loss_type != "cispo" or (self.epsilon_high or 0) >= 1:
            return ""
        return (
            f"loss_type=cispo limits the probability ratio itself to epsilon_high="
            f"{self.epsilon_high}, and below 1 that shrinks every step. Set epsilon_high=5, for "
            "instance, as its authors do."
        )

    def _dropout(self) -> str:
        if not self.lora_dropout:
            return ""
        return (
            f"lora_dropout={self.lora_dropout} would make the policy that is trained another one "
            "than the policy that wrote. Leave it out."
        )


class Grpo:
    """Write a group of completions for each question; make the better ones of it likelier."""

    name = "grpo"
    title = "GRPO"
    summary = "Online reinforcement learning with verifiable rewards"
    paper = "Shao et al. 2024, https://arxiv.org/abs/2402.03300, section 4.1; docs/methods/grpo.md"
    settings = GrpoSettings
    needs = Needs(verifier=True, rollouts=True)

    def most_rows(self, settings: GrpoSettings, examples: int) -> int:
        """Return the questions: one for each example, unless they are to be fewer."""
        return drawn(settings, examples)

    def length(self, settings: GrpoSettings, rows: int) -> Length:
        """Return its steps."""
        return Length((settings.schedule(rows).steps,))

    def prepare(self, task: PrepareTask) -> None:
        """Write the questions."""
        from forget.training.rollouts.questions import write_questions
        from forget.training.rollouts.rewards import find_reward

        find_reward(task.settings.reward)
        write_questions(task)

    def train(self, task: TrainTask) -> None:
        """Write and learn, step by step."""
        from forget_methods.grpo.loop import train

        train(task)


@hookimpl
def forget_methods() -> Iterable[Method]:
    """Yield GRPO."""
    yield Grpo()
