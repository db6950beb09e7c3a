"""The settings of methods that learn from a teacher's completions."""

from __future__ import annotations

from typing import Any, Literal

import attrs

from forget.completion import Sampling
from forget.errors import SettingsError
from forget.method import SupervisedSettings
from forget.settings import setting

__all__ = ["TrajectorySettings"]


@attrs.frozen(kw_only=True)
class TrajectorySettings(SupervisedSettings):
    """Settings of rejection-sampled fine-tuning: how a teacher is asked and what of it is kept."""

    samples: int = setting(4, "completions per question", minimum=1)
    temperature: float = setting(0.7, "sampling temperature; 0 is greedy decoding", minimum=0)
    top_p: float = setting(
        1.0, "nucleus mass; 1 keeps the whole distribution", minimum=0, maximum=1
    )
    top_k: int = setting(0, "most likely tokens kept; 0 keeps all", minimum=0)
    max_new_tokens: int | None = setting(
        None, "longest completion [tokens]; by default the dataset's", minimum=1
    )
    shots: int = setting(0, "worked examples in the teacher's prompt", minimum=0)
    max_questions: int | None = setting(
        None, "ask only a seeded sample of this many questions", minimum=1
    )
    sampling_seed: int = setting(
        0, "seed of completions and choices; runs of several seeds share the completions"
    )
    keep: Literal["first", "shortest", "random"] = setting(
        "first", "which correct completions of a question are kept"
    )
    keep_per_question: int = setting(1, "most distinct completions kept of a question", minimum=1)
    min_correct: int = setting(
        1, "correct completions a question must have for any to be kept", minimum=1
    )
    thoughts: Literal["strip", "keep"] = setting(
        "strip", "whether the text inside <think> is learned or taken out"
    )

    def __attrs_post_init__(self) -> None:
        """Refuse to ask the same several times.

        Raises:
            SettingsError: Greedy decoding writes one completion, however often it is asked.
        """
        super().__attrs_post_init__()
        if self.temperature == 0 and self.samples > 1:
            raise SettingsError(
                f"With temperature=0 all samples={self.samples} completions of a question are the "
                "same. Add --set samples=1, or raise the temperature."
            )

    def sampling(self, default_max_new_tokens: int) -> Sampling:
        """Return how completions are drawn; the dataset's length holds where none was set."""
        return Sampling(
            max_new_tokens=self.max_new_tokens or default_max_new_tokens,
            temperature=self.temperature,
            top_p=self.top_p,
            top_k=self.top_k,
        )

    def sampling_identity(self, default_max_new_tokens: int) -> dict[str, Any]:
        """Return what decides a completion besides teacher, question and number of the sample."""
        drawn = attrs.asdict(self.sampling(default_max_new_tokens))
        del drawn["seed"], drawn["stops"]  # of each completion; of the teacher
        return {**drawn, "shots": self.shots, "sampling_seed": self.sampling_seed}
