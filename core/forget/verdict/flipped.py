"""Items whose answer changed between right and wrong, to be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.evaluation.record import ModelLine, SweepRecord
from forget.verdict.pairing import Scored, in_order_of, scored_by

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

__all__ = ["FLIPS", "Wanted", "flips_frame", "readable_response"]

FLIPS: Final = (
    "run",
    "checkpoint",
    "benchmark",
    "task",
    "doc_id",
    "direction",
    "prompt",
    "target",
    "base_response",
    "response",
    "base_score",
    "score",
    "flips_total",
)
"""Columns of the frame; `flips_total` counts all flips of that kind, of which some are here."""

_SEED = 1_040
_LONGEST = 4_000
"""Characters of a text that are kept: long ones keep their beginning and their end."""
_NOTE = 60
"""Characters of those for saying how many are left out."""


class Wanted(NamedTuple):
    """A checkpoint whose flips are to be read.

    Attributes:
        run: The run's name for people.
        record: The sweep it belongs to.
        line: The checkpoint.
        root: The output folder.
    """

    run: str
    record: SweepRecord
    line: ModelLine
    root: Path


def flips_frame(wanted: Sequence[Wanted], most: int) -> pd.DataFrame:
    """Return items that were lost or gained, at most so many of each benchmark and direction.

    Which ones is drawn at random, and the same in each call: those that all runs flipped are in
    all of them.

    Args:
        wanted: Checkpoints to look at.
        most: How many items of each run, benchmark and direction.
    """
    import pandas as pd

    rows = [row for one in wanted for row in _flips(one, most)]
    return pd.DataFrame(rows, columns=list(FLIPS))


def readable_response(response: Any, metric: str) -> str:
    """Write an answer for people.

    Args:
        response: As an evaluation keeps it, see `evaluation.items.Item`: texts, or a log-likelihood
            of each choice and whether greedy decoding would write it.
        metric: The metric that counts.
    """
    if isinstance(response, str):
        return response
    if isinstance(response, list) and response and all(map(_is_scored, response)):
        return _choices([float(likelihood) for likelihood, _ in response], metric)
    if isinstance(response, list) and response:
        return readable_response(response[0], metric)
    return json.dumps(response, ensure_ascii=False)


def _is_scored(choice: Any) -> bool:
    return isinstance(choice, list) and len(choice) == 2 and isinstance(choice[0], int | float)


def _choices(likelihoods: Sequence[float], metric: str) -> str:
    """Write the log-likelihood of each choice, and which is chosen where they tell it alone."""
    numbers = ", ".join(f"{number}: {value:.2f}" for number, value in enumerate(likelihoods))
    if metric != "acc":  # acc_norm divides by the lengths of the choices, which are not kept
        return f"log-likelihoods of the choices: {numbers}"
    return f"choice {int(np.argmax(likelihoods))} (log-likelihoods {numbers})"


def _flips(one: Wanted, most: int) -> Iterator[dict[str, Any]]:
    for benchmark in one.record.benchmarks:
        base = scored_by(one.record.base, benchmark, one.root)
        other = scored_by(one.line, benchmark, one.root)
        if base is None or other is None:
            continue
        scores = in_order_of(base, other, benchmark, one.line.name)
        before = base.items.scores
        lost, gained = (before == 1) & (scores == 0), (before == 0) & (scores == 1)
        for direction, flipped in (("lost", lost), ("gained", gained)):
            rows = _drawn(flipped, most)
            known: dict[str, Any] = {
                "run": one.run,
                "checkpoint": one.line.name,
                "benchmark": benchmark,
            }
            known |= {"direction": direction, "flips_total": int(flipped.sum())}
            for row, texts in zip(rows, _texts(base, other, rows), strict=True):
                scored = {"base_score": before[row], "score": scores[row]}
                yield known | scored | texts


def _drawn(flipped: NDArray[np.bool_], most: int) -> list[int]:
    """Draw some of the rows that are set: each item has one lot, whichever model flipped it."""
    rows = np.flatnonzero(flipped)
    lots = np.random.default_rng(_SEED).random(len(flipped))[rows]
    return sorted(int(row) for row in rows[np.argsort(lots)[:most]])


def _texts(base: Scored, other: Scored, rows: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield what was asked and answered in some rows of the base."""
    if not rows:
        return
    places = other.items.rows_of(base.items, rows)
    answers = _responses(other.evaluation.items_file, places)
    metric = other.evaluation.metric
    asked = _base_texts(base.evaluation.items_file).take(list(rows)).to_pylist()
    for before, answer in zip(asked, answers, strict=True):
        yield {
            "task": before["task"],
            "doc_id": before["doc_id"],
            "prompt": _shortened(before["prompt"]),
            "target": _shortened(before["target"]),
            "base_response": _readable(before["response"], metric),
            "response": _readable(answer, metric),
        }


@lru_cache(maxsize=16)
def _base_texts(path: Path) -> pa.Table:
    """Read what all runs of one base have in common."""
    import pyarrow.parquet as pq

    return pq.read_table(path, columns=["task", "doc_id", "prompt", "target", "response"])


def _responses(path: Path, rows: Sequence[int]) -> list[str]:
    import pyarrow.parquet as pq

    column = pq.read_table(path, columns=["response"])["response"]
    return list(column.take(list(rows)).to_pylist())


def _readable(response: str, metric: str) -> str:
    return _shortened(readable_response(json.loads(response), metric))


def _shortened(text: str) -> str:
    if len(text) <= _LONGEST:
        return text
    half = (_LONGEST - _NOTE) // 2
    left_out = len(text) - 2 * half
    return f"{text[:half]}\n[... {left_out:,} characters left out ...]\n{text[-half:]}"
