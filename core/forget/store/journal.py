"""An append-only file of JSON lines: what a killed process had finished is still there."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from forget.store.atomic import storage_errors, write_text

__all__ = ["append", "cut", "read", "rewrite"]

_TRIES = 3
"""To make a folder and a file in it: it was there, and gone when it was looked at again."""


def append(path: Path, records: Iterable[Any]) -> None:
    """Add records, one a line, and return when they are on the disk."""
    text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    with storage_errors(path), _opened(path) as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _opened(path: Path) -> TextIO:
    """Open a journal to append, whose folder another process may be removing at this moment."""
    for _ in range(_TRIES - 1):
        with suppress(FileExistsError, FileNotFoundError):
            path.parent.mkdir(parents=True, exist_ok=True)
            return path.open("a", encoding="utf-8")
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a", encoding="utf-8")


def read(path: Path) -> list[Any]:
    """Return the records up to the first line that is not whole (the process died writing it)."""
    records = []
    try:
        lines = path.read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    for line in lines[:-1]:  # what follows the last newline was never finished
        try:
            records.append(json.loads(line))
        except ValueError:
            break
    return records


def cut(path: Path, step: int) -> None:
    """Drop the records of later steps than `step`, and what was never finished."""
    if path.exists():
        rewrite(path, [record for record in read(path) if record["step"] <= step])


def rewrite(path: Path, records: Iterable[Any]) -> None:
    """Replace the whole journal at once."""
    write_text(path, "".join(json.dumps(r, ensure_ascii=False) + "\n" for r in records))
