"""Answers that are on disk before their evaluation is done, written by one process or by several.

Every process appends to a file of its own and reads everybody's, so no lock is needed, on one
machine or on many that share a file system. A file begins with the name of the work it answers;
answers to other work are never mixed in.
"""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from forget.inference.engine import Batch
from forget.store import journal

__all__ = ["Answers", "discard_answers"]


class Answers:
    """The answers to one exam by one model that are there so far.

    Args:
        evaluation: Where the finished evaluation will be; the answers lie beside it.
        work: Digest of requests and batches.
    """

    def __init__(self, evaluation: Path, work: str) -> None:
        self._evaluation = evaluation
        self._folder = _folder(evaluation)
        self._header = {"work": work}
        # Not the process's number alone: it comes again, and on another machine at the same time.
        self._own = self._folder / f"{platform.node()}-{os.getpid()}-{uuid4().hex[:8]}.jsonl"
        self._started = False
        self._found: dict[int, Any] = {}
        self.refresh()

    def refresh(self) -> None:
        """Read what all processes have answered."""
        for file in sorted(self._folder.glob("*.jsonl")) if self._folder.is_dir() else ():
            header, *records = journal.read(file) or [None]
            if header == self._header:
                self._found.update(dict(records))

    def has(self, batch: Batch) -> bool:
        """Tell whether a batch is answered: whole or not at all, for its shape is part of it."""
        return all(index in self._found for index in batch.requests)

    def add(self, batch: Batch, answers: Sequence[Any]) -> None:
        """Keep the answers to a batch; they are on the disk when this returns.

        Raises:
            StorageError: The disk is full.
        """
        records = list(zip(batch.requests, answers, strict=True))
        journal.append(self._own, records if self._started else [self._header, *records])
        self._started = True
        self._found.update(records)

    def all(self) -> Mapping[int, Any]:
        """Return every answer that is there, by the index of its request."""
        return self._found

    def discard(self) -> None:
        """Remove the answers: the evaluation made of them is complete."""
        discard_answers(self._evaluation)


def discard_answers(evaluation: Path) -> None:
    """Remove the answers to an evaluation that is complete."""
    shutil.rmtree(_folder(evaluation), ignore_errors=True)


def _folder(evaluation: Path) -> Path:
    return evaluation.with_name(f".{evaluation.name}.answers")
