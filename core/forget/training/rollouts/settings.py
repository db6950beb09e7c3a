"""The settings of methods that learn from what the model itself writes."""

from __future__ import annotations

from typing import Literal

import attrs

from forget.completion import Sampling
from forget.errors import SettingsError
from forget.method import TrainingSettings
from forget.settings import setting

__all__ = ["RolloutSettings", "RoundSettings"]


@attrs.frozen(kw_only=True)
class RolloutSettings(TrainingSettings):
    """How the model is asked during its training, and what its answers are worth."""

    num_generations: int = setting(4, "completions per question", minimum=1)
    temperature: float = setting(1.0, "sampling temperature", minimum=0.01)
    top_p: float = setting(
        1.0, "nucleus mass; 1 keeps the whole distribution", minimum=0.01, maximum=1
    )
    top_k: int = setting(0, "most likely tokens kept; 0 keeps all", minimum=0)
    max_completion_length: int | None = setting(
        None, "longest completion [tokens]; by default the dataset's", minimum=1
    )
    max_prompt_length: int = setting(
        512, "longest prompt [tokens]; questions with longer ones are dropped", minimum=1
    )
    reward: str = setting(
        "verifier",
        "worth of a completion: verifier (1 if right and finished, else 0), or MODULE:FUNCTION",
    )

    def sampling(self, default_length: int) -> Sampling:
        """Return how completions are drawn; the dataset's length holds where none was set."""
        return Sampling(
            max_new_tokens=self.max_completion_length or default_length,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
        )


@attrs.frozen(kw_only=True)
class RoundSettings(RolloutSettings):
    """Settings of methods that write and learn in turns."""

    rounds: int = setting(3, "times the model writes anew and learns from it", minimum=1)
    questions_per_round: int | None = setting(
        None, "ask only a seeded sample of this many questions in each round", minimum=1
    )
    rollout_engine: Literal["auto", "builtin", "vllm"] = setting(
        "auto",
        "what writes: builtin, vllm, or auto: vLLM where it is installed and there is a GPU",
        technical=True,
    )

    def __attrs_post_init__(self) -> None:
        """Refuse fewer steps than rounds.

        Raises:
            SettingsError: ``max_steps`` cannot be divided among the rounds.
        """
        super().__attrs_post_init__()
        if self.max_steps is not None and self.max_steps < self.rounds:
            raise SettingsError(
                f"max_steps={self.max_steps} are fewer than rounds={self.rounds}: every round "
                "takes a step at least. Raise max_steps, or lower rounds."
            )
