"""What a round of PI teaches: the improved policy, estimated on what the model wrote."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from forget.errors import WorkError
from forget.training.privileged import PrivilegedObjective
from forget.training.rollouts.demonstration import inform
from forget.training.rollouts.distil import distil, learnable
from forget.training.rollouts.improvement import (
    best_of,
    divergence,
    filtered,
    fitted_beta,
    tilted,
)
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.privileged import learn_informed
from forget.training.rollouts.rounds import Lesson, Round
from forget_methods.pi import PiSettings

__all__ = ["improve", "learn_from_the_informed"]


def improve(current: Round) -> Lesson:
    """Weight the completions of each question by the operator of the settings.

    Raises:
        WorkError: There is nothing to learn from.
    """
    settings: PiSettings = current.task.settings
    groups, skipped = learnable(
        current, keep_truncated=settings.keep_truncated, anchors=settings.anchors
    )
    weigh, found = _operator(settings, groups)
    told = {"skipped": skipped, **found}
    if groups:
        weights = [weigh([rollout.reward for rollout in group]) for group in groups]
        told["mean_kl_of_improvement"] = sum(map(divergence, weights)) / len(groups)
        if settings.divergence == "reverse" and not all(map(all, weights)):
            raise WorkError(
                f"divergence=reverse is infinite in round {current.index + 1}: with "
                f"beta={found['beta']:.3g} some completions have no weight at all. Set a larger "
                "beta or a smaller kl_budget, or divergence=jsd; what was written is kept."
            )
    return distil(
        current,
        groups,
        weigh,
        told,
        normalizer=settings.normalizer,
        divergence=settings.divergence,
        lr=settings.lr,
        from_base=settings.restart_from_base,
    )


def learn_from_the_informed(current: Round) -> Lesson:
    """Let student and informed policy learn from what the latter wrote: pi-Distill.

    Raises:
        WorkError: There is nothing to learn from.
    """
    settings: PiSettings = current.task.settings
    return learn_informed(
        current,
        inform(settings.demonstration),
        PrivilegedObjective(
            rewarded=True,
            beta=settings.beta,
            divergence=settings.divergence,
            teacher_share=settings.teacher_share,
            epsilon=settings.epsilon,
            normalizer=settings.normalizer,
        ),
        keep_truncated=settings.keep_truncated,
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
