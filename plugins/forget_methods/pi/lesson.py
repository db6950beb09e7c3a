"""What a round of PI teaches: the improved policy, estimated on what the model wrote."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from forget.training.rollouts.distil import distil, learnable
from forget.training.rollouts.improvement import (
    best_of,
    divergence,
    filtered,
    fitted_beta,
    tilted,
)
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.rounds import Lesson, Round
from forget_methods.pi import PiSettings

__all__ = ["improve"]


def improve(current: Round) -> Lesson:
    """Weight the completions of each question by the operator of the settings.

    Raises:
        WorkError: There is nothing to learn from.
    """
    settings: PiSettings = current.task.settings
    skipped: Counter[str] = Counter()
    groups = []
    for group in current.rollouts:
        kept, reason = learnable(
            group, keep_truncated=settings.keep_truncated, anchors=settings.anchors
        )
        if kept:
            groups.append(kept)
        else:
            skipped[reason] += 1
    weigh, found = _operator(settings, groups)
    told = {"skipped": dict(skipped), **found}
    if groups:
        kl = sum(divergence(weigh([r.reward for r in group])) for group in groups)
        told["mean_kl_of_improvement"] = kl / len(groups)
    return distil(
        current,
        groups,
        weigh,
        settings.normalizer,
        told,
        lr=settings.lr,
        from_base=settings.restart_from_base,
    )


def _operator(
    settings: PiSettings, groups: Sequence[Sequence[Rollout]]
) -> tuple[Callable[[Sequence[float]], list[float]], dict[str, Any]]:
    """Return what turns rewards into weights, and what the record tells of it."""
    if settings.operator == "filter":
        return filtered, {}
    if settings.operator == "bon":
        return partial(best_of, n=settings.best_of), {}
    beta = settings.beta
    if settings.kl_budget is not None and groups:
        rewards = [[rollout.reward for rollout in group] for group in groups]
        beta = fitted_beta(rewards, settings.kl_budget)
    return partial(tilted, beta=beta), {"beta": beta}
