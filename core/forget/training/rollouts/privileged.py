"""A round learned with privileged information: the model, told the solution, teaches itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from forget.errors import WorkError
from forget.inference.loading import load_tokenizer
from forget.progress import Advance
from forget.training.masking import encode_prompt, encode_written
from forget.training.phase import IGNORED, Phase
from forget.training.privileged import Informed, PrivilegedObjective, fit_privileged
from forget.training.reference import kept_token_log_probs
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.questions import Prompt
from forget.training.rollouts.rounds import Lesson, Round
from forget.training.supervised import Row

__all__ = ["advantages", "learn_informed"]


def advantages(rewards: Sequence[float]) -> list[float]:
    """Return each reward's distance to their mean, the baseline of a question's completions."""
    mean = sum(rewards) / len(rewards)
    return [reward - mean for reward in rewards]


def learn_informed(
    current: Round,
    informed: Prompt,
    objective: PrivilegedObjective,
    *,
    keep_truncated: bool,
    **lesson: Any,
) -> Lesson:
    """Make a lesson of completions that both prompts are read with.

    Args:
        current: The round; whoever wrote was given what `train_rounds` says.
        informed: Tells the teacher's prompt of a question.
        objective: What is minimised.
        keep_truncated: Completions that were cut at their length limit are learned from too.
        lesson: What else the lesson says: its learning rate.

    Raises:
        WorkError: There is nothing to learn from.
    """
    left_out: Counter[str] = Counter()
    read = _reader(current, informed)
    items: list[Informed] = []
    for group in current.rollouts:
        worth = advantages([rollout.reward for rollout in group]) if group else []
        for rollout, advantage in zip(group, worth, strict=True):
            item = read(rollout, advantage)
            reason = _reason(current, rollout, item, keep_truncated)
            if reason:
                left_out[reason] += 1
            else:
                items.append(item)
    if not items:
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in left_out.items())
        raise WorkError(
            f"Nothing of what the model wrote in round {current.index + 1} can be learned from: "
            f"{reasons or 'it wrote nothing'}. Raise --set max_completion_length=N or "
            "max_length=N, or set keep_truncated=true; what was written is kept."
        )

    def fit(phase: Phase, resumed: int, advance: Advance) -> None:
        settled = _as_written(phase, items) if objective.rewarded else items
        fit_privileged(phase, settled, resumed, advance, objective)

    found = {"rows": len(items), "left_out": dict(left_out)}
    return Lesson(rows=len(items), fit=fit, found=found, **lesson)


def _reader(current: Round, informed: Prompt) -> Callable[[Rollout, float], Informed]:
    tokenizer = load_tokenizer(current.task.model)

    def read(rollout: Rollout, advantage: float) -> Informed:
        question = rollout.question
        whole = encode_written(tokenizer, question.messages, rollout.completion)
        start = whole.completion_mask.count(0)
        return Informed(
            prompt=whole.input_ids[:start],
            informed=encode_prompt(tokenizer, informed(question)),
            completion=whole.input_ids[start:],
            advantage=advantage,
        )

    return read


def _reason(current: Round, rollout: Rollout, item: Informed, keep_truncated: bool) -> str:
    """Say why a completion is not learned from; nothing if it is."""
    if not (rollout.completion.finished or keep_truncated):
        return "cut"
    if not item.completion:
        return "empty"
    longest = max(len(item.prompt), len(item.informed)) + len(item.completion)
    return "too long" if longest > current.task.settings.max_length else ""


def _as_written(phase: Phase, items: Sequence[Informed]) -> list[Informed]:
    """Add what each token's probability was when it was written, by the informed model."""
    rows = [
        Row([*i.informed, *i.completion], [*[IGNORED] * len(i.informed), *i.completion])
        for i in items
    ]
    written = kept_token_log_probs(phase, rows)
    return [item._replace(written=tokens) for item, tokens in zip(items, written, strict=True)]
