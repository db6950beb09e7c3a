"""What a generation came to: counts and shares for the manifest, and a line for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import mean, quantiles
from typing import Any

from forget.dataset import Example
from forget.training.trajectories.keeping import Judged

__all__ = ["counts", "in_words"]


def counts(
    questions: Sequence[Example],
    judged: Mapping[str, Sequence[Judged]],
    kept: Mapping[str, int],
) -> dict[str, Any]:
    """Count what was asked, what was right and what was kept, in all and by difficulty.

    Args:
        questions: What was asked.
        judged: The completions of each question, by its id.
        kept: How many completions of a question are learned from, by its id.
    """
    levels = sorted({example.level for example in questions if example.level}, key=_natural)
    by_level = {
        level: _rates([e for e in questions if e.level == level], judged, kept) for level in levels
    }
    lengths = sorted(item.completion.tokens for example in questions for item in judged[example.id])
    reasons = _wrong_reasons(questions, judged)
    return {
        **_rates(questions, judged, kept),
        "kept_completions": sum(kept.values()),
        "tokens": _distribution(lengths),
        "by_level": by_level,
        "wrong": reasons,
    }


def in_words(found: Mapping[str, Any]) -> list[str]:
    """Say it in a few lines."""
    tokens = found["tokens"]
    lines = [
        f"kept {found['kept_questions']:,} of {found['questions']:,} questions "
        f"({_percent(found['kept_fraction'])}); of {found['completions']:,} completions "
        f"{_percent(found['pass_rate'])} are correct, {_percent(found['truncation_rate'])} were "
        f"cut; length {tokens['median']:.0f} tokens in the middle, {tokens['p95']:.0f} at the 95th "
        f"percentile, {tokens['max']} at most"
    ]
    if found["refused"]:
        reasons = ", ".join(f"{reason} ({count:,})" for reason, count in found["refused"].items())
        lines.append(f"prompts that can have no completion: {reasons}")
    if found["too_long_questions"]:
        lines.append(
            f"{found['too_long_questions']:,} questions have only answers that are longer than "
            "max_length; they were left out"
        )
    if found["by_level"]:
        rates = ", ".join(
            f"{level} {_percent(rates['pass_rate'])}" for level, rates in found["by_level"].items()
        )
        lines.append(f"correct by difficulty: {rates}")
    return lines


def _rates(
    questions: Sequence[Example],
    judged: Mapping[str, Sequence[Judged]],
    kept: Mapping[str, int],
) -> dict[str, Any]:
    items = [item for example in questions for item in judged[example.id]]
    correct = sum(item.verdict.correct for item in items)
    truncated = sum(not item.completion.finished for item in items)
    kept_questions = sum(kept.get(example.id, 0) > 0 for example in questions)
    return {
        "questions": len(questions),
        "completions": len(items),
        "correct": correct,
        "truncated": truncated,
        "solved_questions": sum(
            any(item.verdict.correct for item in judged[example.id]) for example in questions
        ),
        "kept_questions": kept_questions,
        "pass_rate": _share(correct, len(items)),
        "truncation_rate": _share(truncated, len(items)),
        "kept_fraction": _share(kept_questions, len(questions)),
    }


def _distribution(lengths: Sequence[int]) -> dict[str, float]:
    """Describe lengths [tokens], which are in ascending order."""
    if len(lengths) < 2:
        only = lengths[0] if lengths else 0
        return {"mean": only, "min": only, "median": only, "p95": only, "max": only}
    cuts = quantiles(lengths, n=20, method="inclusive")
    return {
        "mean": mean(lengths),
        "min": lengths[0],
        "median": cuts[9],
        "p95": cuts[18],
        "max": lengths[-1],
    }


def _wrong_reasons(
    questions: Sequence[Example], judged: Mapping[str, Sequence[Judged]]
) -> dict[str, int]:
    """Count wrong completions by whether there was an answer, and whether they were cut."""
    found = {"cut": 0, "no answer": 0, "another answer": 0}
    for example in questions:
        for item in judged[example.id]:
            if item.verdict.correct:
                continue
            if not item.completion.finished:
                found["cut"] += 1
            else:
                found["no answer" if item.verdict.extracted is None else "another answer"] += 1
    return found


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _natural(level: str) -> tuple[int, str]:
    """Sort ``10 steps`` after ``9 steps``."""
    digits = "".join(filter(str.isdigit, level))
    return (int(digits) if digits else -1, level)
