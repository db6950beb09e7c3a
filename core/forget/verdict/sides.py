"""What the two sides of `forget compare` are: runs, models, results of lm-eval."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.benchmark import Benchmark
from forget.errors import DataError, RequestError, UnknownNameError
from forget.evaluation.exam import Exam
from forget.evaluation.items import Item, read_items
from forget.evaluation.record import ModelLine, SweepRecord, read_record
from forget.evaluation.stock import StockEngine
from forget.evaluation.sweep import Sweep, intact_evaluation
from forget.inference.models import find_model, obtain_model
from forget.progress import Progress
from forget.session import Session
from forget.store.layout import RunFolder, Workspace, checkpoint_step
from forget.store.manifest import read_manifest
from forget.verdict.answered import Answered, Side
from forget.verdict.foreign import foreign_side, is_foreign

__all__ = ["find_sides", "is_model", "shared"]

_DEFAULT_BENCHMARKS = ("core10",)

_UNPROMPTED = {"n-shot": "0", "chat_template": "none", "system_instruction": "none"}
"""How benchmarks are asked here, in the words of lm-eval's results."""


class _Place(NamedTuple):
    """A run directory, and the name of one of its models; None for the last checkpoint."""

    run: RunFolder
    model: str | None


def is_model(text: str) -> bool:
    """Say whether a side is neither a run nor results of lm-eval, and has to be evaluated."""
    return _place(text) is None and not _is_foreign(text)


def find_sides(
    texts: tuple[str, str],
    session: Session,
    selection: Sequence[str] | None,
    limit: int | None,
    progress: Progress,
) -> tuple[Side, Side]:
    """Find what two sides are and what they have answered; nothing is evaluated yet.

    Args:
        texts: What the user calls them, base first.
        session: Where and how models are evaluated.
        selection: Benchmarks and suites. Without, models are evaluated on what the other side has.
        limit: Models are scored on only this many items of each benchmark.
        progress: Where to report, if a model has to be fetched.

    Raises:
        RequestError: A side is nothing that can be compared.
    """
    registered = [session.plugins.get("benchmarks", n, session.catalogue).record for n in _names(session)]
    found = [None if is_model(text) else _finished(text, registered) for text in texts]
    known = {benchmark.name for benchmark in registered}
    other = next((side for side in found if side is not None), None)
    asked = selection
    if asked is None:
        asked = [n for n in other.answered if n in known] if other else _DEFAULT_BENCHMARKS
    sides = [
        side if side is not None else _model_side(text, session, session.exams(asked, limit), progress)
        for side, text in zip(found, texts, strict=True)
    ]
    return sides[0], sides[1]


def shared(
    sides: tuple[Side, Side], wanted: Sequence[str] | None
) -> list[tuple[Answered, Answered]]:
    """Return what both sides have answered, benchmarks first, then the trained task.

    Args:
        sides: The two sides.
        wanted: The names of the benchmarks to compare; None takes all that both have.

    Raises:
        DataError: One of them lacks a benchmark, or they have none in common.
    """
    base, other = sides
    for name in wanted or ():
        for side in sides:
            if name not in side.answered:
                reason = side.left_out.get(name)
                said = f": {reason}" if reason else f". It has {', '.join(side.answered) or 'none'}"
                raise DataError(f"{side.name} has no answers to {name}{said}.")
    names = list(wanted) if wanted else [n for n in base.answered if n in other.answered]
    if not any(not base.answered[name].is_task for name in names):
        raise DataError(
            f"{base.name} and {other.name} have no benchmark in common: the one has "
            f"{', '.join(base.answered) or 'none'}, the other {', '.join(other.answered) or 'none'}."
        )
    pairs = [(base.answered[name], other.answered[name]) for name in names]
    return sorted(pairs, key=lambda answered: answered[0].is_task)
