"""How well two evaluations of one model agree item by item: of two engines, or of one twice."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from forget.evaluation.items import Item, read_items
from forget.evaluation.sweep import Evaluation

__all__ = ["Agreement", "Disagreement", "agree", "tolerance"]

_CLOSE = 1e-3
"""Two best choices nearer to each other than this may change places by rounding [nats]."""

_METRIC = 1e-3
"""Greatest difference of a continuous metric (TruthfulQA's) that is taken for rounding."""


class Disagreement(NamedTuple):
    """An item on which two evaluations differ by more than rounding."""

    task: str
    doc_id: int
    what: str


class Agreement(NamedTuple):
    """Two evaluations of one model on one exam.

    Attributes:
        exam: The exam's name.
        items: Items compared.
        largest: Greatest difference of a log-likelihood [nats]; None for written texts.
        close: Items whose two best choices changed places, but lie within `_CLOSE`.
        texts: Items whose texts differ.
        score: The first evaluation's score.
        other_score: The second's.
        disagreements: Items that differ by more than rounding.
    """

    exam: str
    items: int
    largest: float | None
    close: int
    texts: int
    score: float
    other_score: float
    disagreements: tuple[Disagreement, ...]


def tolerance(dtype: str) -> float:
    """Return the difference of a log-likelihood that is taken for rounding [nats].

    In bf16 the same model's summed log-likelihoods move by up to 0.7 with the shape of the batch.
    """
    return 2e-3 if dtype == "float32" else 1.0


def agree(one: Evaluation, other: Evaluation, allowed: float) -> Agreement:
    """Compare two evaluations of one model on the same items.

    Args:
        one: An evaluation.
        other: Another of the same model and items.
        allowed: Difference of a log-likelihood that is taken for rounding [nats].
    """
    pairs = list(zip(read_items(one.items_file), read_items(other.items_file), strict=True))
    compared = [_compare(a, b, allowed) for a, b in pairs]
    gaps = [gap for gap, _, _ in compared if gap is not None]
    return Agreement(
        exam=one.exam,
        items=len(pairs),
        largest=max(gaps, default=None),
        close=sum(close for _, close, _ in compared),
        texts=sum(_texts(a) != _texts(b) for a, b in pairs),
        score=one.score,
        other_score=other.score,
        disagreements=tuple(
            Disagreement(a.task, a.doc_id, what)
            for (a, _), (_, _, what) in zip(pairs, compared, strict=True)
            if what
        ),
    )


def _compare(one: Item, other: Item, allowed: float) -> tuple[float | None, bool, str]:
    """Return the gap of two answers, whether a near tie was decided otherwise, and the fault."""
    if _texts(one):
        # Greedy decoding may turn off at any token where two are equally likely: no fault, a fact.
        return None, False, ""
    ours, theirs = ([value for value, _ in item.response] for item in (one, other))
    gap = max(abs(a - b) for a, b in zip(ours, theirs, strict=True))
    turned = _best(ours) != _best(theirs)
    close = turned and min(_margin(ours), _margin(theirs)) < _CLOSE
    if gap > allowed:
        return gap, close, f"log-likelihoods differ by {gap:.3g}"
    if turned and not close:
        return gap, close, f"the best choice is {_best(ours)}, not {_best(theirs)}"
    if abs(one.score - other.score) > _METRIC and not close:
        return gap, close, f"the score is {one.score:g}, not {other.score:g}"
    return gap, close, ""


def _texts(item: Item) -> list[Any]:
    return [answer for answer in item.response if isinstance(answer, str)]


def _best(values: Sequence[float]) -> int:
    return max(range(len(values)), key=lambda index: values[index])


def _margin(values: Sequence[float]) -> float:
    first, second = sorted(values, reverse=True)[:2] if len(values) > 1 else (0.0, -1.0)
    return first - second
