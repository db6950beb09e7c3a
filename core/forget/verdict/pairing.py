"""The items of two models side by side: read, checked, in one order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.errors import DataError
from forget.evaluation.items import ItemScores, read_scores
from forget.evaluation.record import ModelLine
from forget.evaluation.sweep import Evaluation, intact_evaluation

__all__ = ["Scored", "clusters_of", "in_order_of", "load_scored", "scored_by"]

_FEWEST = 10
"""Clusters that it takes to estimate their spread."""


class Scored(NamedTuple):
    """An evaluation with the scores of its items."""

    evaluation: Evaluation
    items: ItemScores


def load_scored(folder: Path) -> Scored | None:
    """Read an evaluation; None if it is not finished.

    Raises:
        DataError: It is damaged, or an item's score is not a number.
    """
    evaluation = intact_evaluation(folder)
    if evaluation is None:
        return None
    items = read_scores(evaluation.items_file)
    unknown = np.flatnonzero(~np.isfinite(items.scores))
    if unknown.size:
        task, doc_id = items.name_of(int(unknown[0]))
        raise DataError(
            f"{evaluation.items_file} has {unknown.size} item(s) whose score is not a finite "
            f"number, the first being document {doc_id} of {task}. Delete the folder {folder} and "
            "run the command again: it is evaluated anew. If the score is the same then, the "
            f"metric {evaluation.metric!r} is at fault."
        )
    return Scored(evaluation, items)


def scored_by(line: ModelLine, exam: str, root: Path) -> Scored | None:
    """Read the evaluation of a model of a sweep on an exam; None if there is none yet.

    Args:
        line: The model.
        exam: The exam's name.
        root: The output folder.

    Raises:
        DataError: It is damaged, or an item's score is not a number.
    """
    folder = line.evaluations.get(exam)
    return load_scored(root / folder) if folder is not None else None


def in_order_of(base: Scored, other: Scored, exam: str, name: str) -> NDArray[np.float64]:
    """Return the other model's scores in the order of the base's items.

    Args:
        base: The base model's evaluation.
        other: The other model's.
        exam: The exam's name, for the error.
        name: The other model's name, for the error.

    Raises:
        DataError: The two were asked different items.
    """
    if other.items.same_keys(base.items):
        return other.items.scores
    a, b = base.items.rows(), other.items.rows()
    differing = len(a.keys() ^ b.keys())
    if differing:
        raise DataError(
            f"Base and {name} were asked different items of {exam} ({differing} are in one "
            "only), so they cannot be paired. Evaluate both with the same data and --limit."
        )
    return other.items.scores[[b[key] for key in a]]


def clusters_of(tasks: Sequence[str], shared: Sequence[str]) -> NDArray[np.intp] | None:
    """Return the cluster of each item as integers from 0; None where items count as independent.

    Items that share a passage are a cluster, and so are those of each task where an exam has
    several (MMLU's subjects). A handful of clusters is no sample to estimate a spread from: below
    ten they are taken as fixed parts of the exam, and their items as independent.

    Args:
        tasks: The lm-eval task of each item.
        shared: What each item shares with others, see `Item.cluster`; empty where nobody knows.
    """
    if any(shared):
        own = [name or f"item {row}" for row, name in enumerate(shared)]
        _, codes = np.unique(np.asarray(own), return_inverse=True)
    else:
        _, codes = np.unique(np.asarray(tasks), return_inverse=True)
    number = int(codes.max(initial=0)) + 1
    return codes.astype(np.intp) if _FEWEST <= number < len(codes) else None
