"""What a teacher has written, on disk: each completion is there before the next is waited for.

A store belongs to one teacher, dataset and way of sampling, and is shared by all runs that learn
from them: asking more questions, or each more often, adds to it. It is a journal whose lines carry
their own digests, so that a line cut short by a crash or edited by hand is asked for again, and
nothing else is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.completion import Completion
from forget.store import journal
from forget.store.atomic import write_json
from forget.store.layout import slug

__all__ = ["CompletionStore", "StoreSummary", "Stored", "open_store", "read_store", "summarise"]

JOURNAL = "completions.jsonl"
ABOUT = "store.json"
_FORMAT = 1


class Stored(NamedTuple):
    """One completion of a store.

    Attributes:
        ask: Hash of the prompt it answers.
        example: The question's id.
        sample: Which of its completions it is.
        completion: What the teacher wrote.
    """

    ask: str
    example: str
    sample: int
    completion: Completion


class StoreSummary(NamedTuple):
    """What a store holds.

    Attributes:
        about: The content of `store.json`: teacher, dataset, sampling and what was last asked.
        completions: Whole lines.
        damaged: Lines that are not what was written; they are asked for again.
    """

    about: Mapping[str, Any]
    completions: int
    damaged: int


@attrs.frozen
class CompletionStore:
    """The completions of one teacher on one dataset."""

    folder: Path

    def read(self) -> dict[str, Completion]:
        """Return the completions by the hash of their prompt; lines that are not whole go.

        They are taken out of the file too, or the next line would be written behind half a one.
        """
        lines, damaged = _lines(self.folder / JOURNAL)
        if damaged:
            journal.rewrite(self.folder / JOURNAL, [_as_line(item) for item in lines])
        return {item.ask: item.completion for item in lines}

    def add(self, item: Stored) -> None:
        """Keep one completion; it is on disk when this returns.

        Raises:
            StorageError: The disk is full.
        """
        journal.append(self.folder / JOURNAL, [_as_line(item)])

    def describe(self, about: Mapping[str, Any]) -> None:
        """Write down whose completions these are and what is being asked."""
        write_json(self.folder / ABOUT, {"format": _FORMAT, **about})


def open_store(
    root: Path,
    dataset: str,
    name: str,
    *,
    teacher: Mapping[str, Any],
    sampling: Mapping[str, Any],
) -> CompletionStore:
    """Return the store of a teacher's completions below `root`; nothing is made yet.

    Args:
        root: The folder of all stores.
        dataset: The dataset's name.
        name: The teacher's name, for people who look at the folder.
        teacher: What is known of the teacher; names count only where nothing better is known.
        sampling: All else that does, besides the prompt.
    """
    # Weights that go by another name write the same.
    names = ("name", "model", "family") if "model_digest" in teacher else ()
    known = {key: value for key, value in teacher.items() if key not in names}
    identity = {"teacher": known, "sampling": dict(sampling)}
    text = json.dumps(identity, sort_keys=True, ensure_ascii=True)
    digest = hashlib.sha256(text.encode()).hexdigest()[:12]
    return CompletionStore(root / slug(dataset) / f"{slug(name)}-{digest}")


def summarise(folder: Path) -> StoreSummary | None:
    """Read a store through; None if the folder is none."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        return None
    lines, damaged = _lines(folder / JOURNAL)
    return StoreSummary(about, len({item.ask for item in lines}), damaged)


def read_store(folder: Path) -> list[Stored]:
    """Return the whole lines of a store in the order they came."""
    return _lines(folder / JOURNAL)[0]


def _lines(path: Path) -> tuple[list[Stored], int]:
    """Return the whole lines of a journal, and how many others there are."""
    found, damaged = [], 0
    for line in _raw_lines(path):
        item = _from_line(line)
        if item is None:
            damaged += 1
        else:
            found.append(item)
    return found, damaged


def _raw_lines(path: Path) -> Iterator[bytes]:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return
    *whole, rest = content.split(b"\n")
    yield from whole
    if rest:  # never finished
        yield b""


def _as_line(item: Stored) -> dict[str, Any]:
    values = {
        "ask": item.ask,
        "example": item.example,
        "sample": item.sample,
        **attrs.asdict(item.completion),
    }
    return {**values, "digest": _digest(values)}


def _from_line(line: bytes) -> Stored | None:
    try:
        values = json.loads(line)
        digest = values.pop("digest")
        if digest != _digest(values):
            return None
        completion = Completion(
            text=values["text"], finished=values["finished"], tokens=values["tokens"]
        )
        return Stored(values["ask"], values["example"], values["sample"], completion)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
