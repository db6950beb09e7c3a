"""A round learned by weighted negative log-likelihood: the student fits an improved policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from forget.errors import WorkError
from forget.inference.loading import load_tokenizer
from forget.progress import Advance
from forget.training.divergences import Divergence
from forget.training.masking import encode_written
from forget.training.phase import IGNORED, Phase
from forget.training.reference import kept_log_probs
from forget.training.rollouts.improvement import Operator
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.rounds import Lesson, Round
from forget.training.sampled import Draws
from forget.training.supervised import Row, fit_rows
from forget.training.weighted import Normalizer

__all__ = ["distil", "learnable"]

_NEGLIGIBLE = 1e-6
"""Weights below it are left out: their examples would cost time and change nothing."""


def learnable(
    current: Round, *, keep_truncated: bool, anchors: bool
) -> tuple[list[list[Rollout]], dict[str, int]]:
    """Return the completions of the questions that can be learned from.

    Args:
        current: The round.
        keep_truncated: Completions that were cut at their length limit count too.
        anchors: A question of which all completions are right holds the model where it is;
            otherwise it is left out.

    Returns:
        The completions by question, and how many questions were left out for what reason: ``cut``,
        ``all wrong``, ``all right``.
    """
    groups, skipped = [], Counter[str]()
    for group in current.rollouts:
        kept = [rollout for rollout in group if rollout.completion.finished or keep_truncated]
        reason = _nothing_in(kept, anchors)
        if reason:
            skipped[reason] += 1
        else:
            groups.append(kept)
    return groups, dict(skipped)


def _nothing_in(group: Sequence[Rollout], anchors: bool) -> str:
    """Say why nothing can be learned from a question's completions; nothing if it can."""
    if not group:
        return "cut"
    if len({rollout.reward for rollout in group}) > 1:
        return ""
    if not any(rollout.verdict.correct for rollout in group):
        return "all wrong"
    return "" if anchors else "all right"


def distil(
    current: Round,
    groups: Sequence[Sequence[Rollout]],
    weigh: Operator,
    found: dict[str, Any],
    *,
    normalizer: Normalizer = "tokens",
    divergence: Divergence = "forward",
    **lesson: Any,
) -> Lesson:
    """Make a lesson of weighted completions.

    The loss of `forward` is ``-sum_x sum_i w_i log pi(y_i|x)``, divided by
    ``sum_x sum_i w_i |y_i|`` (``tokens``) or by the number of questions (``sequences``), which is
    KL(pi+ || pi) up to what does not depend on the student. The others are estimated by
    `divergences.over_samples` with ``u_i = K w_i``, the density of pi+ relative to who wrote, and
    are means over completions.

    Args:
        current: The round.
        groups: The completions of each question, as `learnable` chose them.
        weigh: Turns the rewards of a question's completions into weights that sum to 1.
        found: What the record tells of the choice.
        normalizer: What a batch is divided by.
        divergence: What is made small between pi+ and the student.
        lesson: What else the lesson says: its learning rate.

    Raises:
        WorkError: There is nothing to learn from.
    """
    rows, long = _rows(current, groups, weigh, everything=divergence != "forward")
    if not rows:
        raise WorkError(_nothing(current, found))

    def fit(phase: Phase, resumed: int, advance: Advance) -> None:
        if divergence == "forward":
            fit_rows(phase, rows, resumed, advance, normalizer)
        else:
            draws = Draws(kept_log_probs(phase, rows), divergence)
            fit_rows(phase, rows, resumed, advance, draws=draws)

    told = {**found, "rows": len(rows), "left_out_rows": long}
    return Lesson(rows=len(rows), fit=fit, found=told, **lesson)


def _rows(
    current: Round, groups: Sequence[Sequence[Rollout]], weigh: Operator, *, everything: bool
) -> tuple[list[Row], int]:
    """Return the weighted completions and how many were too long or empty.

    Args:
        current: The round.
        groups: See `distil`.
        weigh: See `distil`.
        everything: Completions without weight count too, and weights are density ratios.
    """
    longest, tokenizer = current.task.settings.max_length, load_tokenizer(current.task.model)
    rows, left_out = [], 0
    for group in groups:
        for rollout, weight in zip(group, weigh([r.reward for r in group]), strict=True):
            if weight < _NEGLIGIBLE and not everything:
                continue
            ids, mask = encode_written(tokenizer, rollout.question.messages, rollout.completion)
            if len(ids) > longest or not any(mask):
                left_out += 1
                continue
            labels = [token if use else IGNORED for token, use in zip(ids, mask, strict=True)]
            rows.append(Row(ids, labels, len(group) * weight if everything else weight))
    return rows, left_out


def _nothing(current: Round, found: dict[str, Any]) -> str:
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in found["skipped"].items())
    return (
        f"Nothing of what the model wrote in round {current.index + 1} can be learned from: of "
        f"{len(current.rollouts):,} questions were left out: {reasons or 'none'}. Raise --set "
        "num_generations=N, questions_per_round=N or max_completion_length=N; what was written is "
        "kept."
    )
