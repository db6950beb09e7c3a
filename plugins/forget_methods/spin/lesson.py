"""What an iteration teaches, by the variant: pairs, an informed teacher, or own right answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

from forget.errors import WorkError
from forget.inference.loading import load_tokenizer
from forget.progress import Advance
from forget.training.masking import encode, encode_written
from forget.training.phase import Phase
from forget.training.preference import Pair, fit_pairs
from forget.training.privileged import PrivilegedObjective
from forget.training.rollouts.demonstration import inform
from forget.training.rollouts.distil import distil, learnable
from forget.training.rollouts.improvement import filtered
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.privileged import learn_informed
from forget.training.rollouts.rounds import Lesson, Round
from forget_methods.spin import SpinSettings

__all__ = ["follow", "imitate", "play"]


def play(current: Round) -> Lesson:
    """Pair what the model wrote with the solutions; the round before joins in.

    Raises:
        WorkError: Every completion is the solution itself, or all pairs are too long.
    """
    settings: SpinSettings = current.task.settings
    tokenizer = load_tokenizer(current.task.model)
    left_out: Counter[str] = Counter()
    pairs = _pairs(current, tokenizer, left_out)
    earlier = _pairs(current.before, tokenizer, Counter()) if current.before else []
    if not pairs:
        raise WorkError(
            f"There is no pair to learn from in iteration {current.index + 1}: of the completions "
            f"{left_out['identical']:,} are the solution itself, {left_out['empty']:,} are empty "
            f"and {left_out['too long']:,} are longer than max_length={settings.max_length} with "
            "their prompt. What was written is kept."
        )
    everything = [*pairs, *earlier]

    def fit(phase: Phase, resumed: int, advance: Advance) -> None:
        fit_pairs(phase, everything, resumed, advance, settings.beta)

    found: dict[str, Any] = {
        "pairs": len(pairs),
        "earlier_pairs": len(earlier),
        "left_out": dict(left_out),
    }
    return Lesson(rows=len(everything), fit=fit, found=found, **_steps(current))


def follow(current: Round) -> Lesson:
    """Let the model, told the solutions, be the teacher of what it wrote without them: SDFT.

    Raises:
        WorkError: There is nothing to learn from.
    """
    settings: SpinSettings = current.task.settings
    return learn_informed(
        current,
        inform(settings.demonstration),
        PrivilegedObjective(
            rewarded=False,
            beta=1.0,
            divergence=settings.divergence,
            teacher_rate=settings.teacher_rate,
        ),
        keep_truncated=True,
        **_steps(current),
    )


def imitate(current: Round) -> Lesson:
    """Learn from the model's own right answers alone: rejection sampling from itself.

    Raises:
        WorkError: There is none.
    """
    groups, skipped = learnable(current, keep_truncated=False, anchors=True)
    return distil(current, groups, filtered, {"skipped": skipped}, **_steps(current))


def _steps(current: Round) -> dict[str, Any]:
    """Return how the steps of an iteration are taken."""
    settings: SpinSettings = current.task.settings
    factors = settings.lr_factors or (1.0,)
    lr = settings.lr * factors[min(current.index, len(factors) - 1)]
    return {"lr": lr, "optimizer": settings.optimizer}


def _pairs(current: Round, tokenizer: Any, left_out: Counter[str]) -> list[Pair]:
    longest = current.task.settings.max_length
    pairs = []
    for group in current.rollouts:
        for rollout in group:
            pair = _pair(rollout, tokenizer)
            if list(pair.chosen) == list(pair.rejected):
                left_out["identical"] += 1  # its gradient is zero
            elif not pair.rejected:
                left_out["empty"] += 1
            elif len(pair.prompt) + max(len(pair.chosen), len(pair.rejected)) > longest:
                left_out["too long"] += 1
            else:
                pairs.append(pair)
    return pairs


def _pair(rollout: Rollout, tokenizer: Any) -> Pair:
    question = rollout.question
    gold = encode(tokenizer, question.messages, question.completion)
    own = encode_written(tokenizer, question.messages, rollout.completion)
    start = own.completion_mask.count(0)
    return Pair(own.input_ids[:start], gold.input_ids[start:], own.input_ids[start:])
