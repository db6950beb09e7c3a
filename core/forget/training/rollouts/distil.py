"""A round learned by weighted negative log-likelihood: the student fits an improved policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from forget.errors import WorkError
from forget.inference.loading import load_tokenizer
from forget.progress import Advance
from forget.training.masking import encode_written
from forget.training.phase import IGNORED, Phase
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.rounds import Lesson, Round
from forget.training.supervised import Row, fit_rows
from forget.training.weighted import Normalizer

__all__ = ["distil", "learnable"]

_NEGLIGIBLE = 1e-6
"""Weights below it are left out: their examples would cost time and change nothing."""


def learnable(
    group: Sequence[Rollout], *, keep_truncated: bool, anchors: bool
) -> tuple[list[Rollout], str]:
    """Return the completions of a question that weights are given to, or why there are none.

    Args:
        group: What the model wrote for it.
        keep_truncated: Completions that were cut at their length limit count too.
        anchors: A question of which all completions are right holds the model where it is;
            otherwise it is left out.

    Returns:
        The completions, and ``""`` or the reason: ``cut``, ``all wrong``, ``all right``.
    """
    kept = [rollout for rollout in group if rollout.completion.finished or keep_truncated]
    if not kept:
        return [], "cut"
    if len({rollout.reward for rollout in kept}) > 1:
        return kept, ""
    if not any(rollout.verdict.correct for rollout in kept):
        return [], "all wrong"
    return (kept, "") if anchors else ([], "all right")


def distil(
    current: Round,
    groups: Sequence[Sequence[Rollout]],
    weigh: Callable[[Sequence[float]], list[float]],
    normalizer: Normalizer,
    found: dict[str, Any],
    **lesson: Any,
) -> Lesson:
    """Make a lesson of weighted completions.

    The loss is ``-sum_x sum_i w_i log pi(y_i|x)``, divided by ``sum_x sum_i w_i |y_i|``
    (``tokens``) or by the number of questions (``sequences``), which is KL(pi+ || pi) up to what
    does not depend on the student.

    Args:
        current: The round.
        groups: The completions of each question, as `learnable` chose them.
        weigh: Turns the rewards of a question's completions into weights that sum to 1.
        normalizer: What a batch is divided by.
        found: What the record tells of the choice.
        lesson: What else the lesson says: its learning rate.

    Raises:
        WorkError: There is nothing to learn from.
    """
    task = current.task
    tokenizer = load_tokenizer(task.model)
    rows, long = [], Counter[str]()
    for group in groups:
        for rollout, weight in zip(group, weigh([r.reward for r in group]), strict=True):
            if weight < _NEGLIGIBLE:
                continue
            encoded = encode_written(tokenizer, rollout.question.messages, rollout.completion)
            ids, mask = encoded
            if len(ids) > task.settings.max_length or not any(mask):
                long["left out"] += 1
                continue
            labels = [token if use else IGNORED for token, use in zip(ids, mask, strict=True)]
            rows.append(Row(ids, labels, weight))
    if not rows:
        raise WorkError(_nothing(current, found))

    def fit(phase: Phase, resumed: int, advance: Advance) -> None:
        fit_rows(phase, rows, resumed, advance, normalizer)

    told = {**found, "rows": len(rows), "left_out_rows": long["left out"]}
    return Lesson(rows=len(rows), fit=fit, found=told, **lesson)


def _nothing(current: Round, found: dict[str, Any]) -> str:
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in found["skipped"].items())
    return (
        f"Nothing of what the model wrote in round {current.index + 1} can be learned from: of "
        f"{len(current.rollouts):,} questions were left out: {reasons or 'none'}. Raise --set "
        "num_generations=N, questions_per_round=N or max_completion_length=N; what was written is "
        "kept."
    )
