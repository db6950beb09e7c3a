"""Stores of a teacher's completions, which several runs share: how far they are, what is in them.

trajectories/<dataset>/<teacher>-<12 hex>/
  store.json           {"format": 1, "dataset", "teacher", "sampling", "asked"}
  completions.jsonl    one object a line: ask, example, sample, text, finished, tokens, digest
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.completion import Completion
from forget.errors import DataError
from forget.inventory.records import Entry, State
from forget.store.manifest import read_manifest

__all__ = [
    "LINES",
    "STORE",
    "Contents",
    "Store",
    "Stored",
    "line_digest",
    "read_completions",
    "read_store",
    "store_entries",
    "store_folders",
]

STORE = "store.json"
LINES = "completions.jsonl"


@attrs.frozen(kw_only=True)
class Store:
    """What the head of a store says.

    Attributes:
        dataset: The dataset whose questions were asked.
        teacher: Who was asked: name, kind, model.
        sampling: How completions are drawn.
        questions: How many questions are asked.
        samples: How many completions of each.
    """

    dataset: str
    teacher: Mapping[str, Any]
    sampling: Mapping[str, Any]
    questions: int
    samples: int

    @property
    def expected(self) -> int:
        """How many completions it has when it is complete."""
        return self.questions * self.samples


class Stored(NamedTuple):
    """One completion of a store."""

    example: str
    sample: int
    completion: Completion


class Contents(NamedTuple):
    """The lines of a store.

    Attributes:
        completions: Those that count, the first of each example and sample.
        damaged: Numbers of the lines that are no completion, or whose digest does not hold.
        cut: The last line has no end: its writer was stopped.
    """

    completions: list[Stored]
    damaged: list[int]
    cut: bool


def store_folders(out: Path) -> list[Path]:
    """List the stores below an output folder, by path."""
    return sorted(
        folder
        for folder in out.glob("trajectories/*/*")
        if not folder.name.startswith(".") and any((folder / n).is_file() for n in (STORE, LINES))
    )


def read_store(folder: Path) -> Store:
    """Read the head of a store.

    Raises:
        DataError: It is missing, or not what it must be.
    """
    try:
        plain = json.loads((folder / STORE).read_text(encoding="utf-8"))
        asked = plain["asked"]
        store = Store(
            dataset=str(plain["dataset"]),
            teacher=dict(plain["teacher"]),
            sampling=dict(plain["sampling"]),
            questions=int(asked["questions"]),
            samples=int(asked["samples"]),
        )
    except FileNotFoundError as error:
        raise DataError(f"{folder} has no {STORE}, so nobody knows who wrote it.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder / STORE} is not the head of a store of completions: it was cut or edited."
        ) from error
    return store


def read_completions(folder: Path, *, digests: bool) -> Contents:
    """Read the completions of a store.

    Args:
        folder: The store.
        digests: Check each line's digest; without, a line counts if it can be read.
    """
    found: dict[tuple[str, int], Stored] = {}
    damaged, cut = [], False
    for line in _scan(folder, digests=digests):
        if line.stored is not None:
            found.setdefault((line.stored.example, line.stored.sample), line.stored)
        elif line.ended:
            damaged.append(line.number)
        cut = not line.ended
    return Contents(list(found.values()), damaged, cut)


class _Line(NamedTuple):
    """A line of a store; `stored` is None if it does not count."""

    number: int
    stored: Stored | None
    ended: bool


def _scan(folder: Path, *, digests: bool) -> Iterator[_Line]:
    """Yield the lines of a store; with `_parse`, this is all that knows how one is written."""
    path = folder / LINES
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            ended = line.endswith(b"\n")
            yield _Line(number, _parse(line, digests=digests) if ended else None, ended)


def _progress(folder: Path) -> tuple[int, int]:
    """Count completions and damaged lines without keeping the texts."""
    found: set[tuple[str, int]] = set()
    damaged = 0
    for line in _scan(folder, digests=False):
        if line.stored is not None:
            found.add((line.stored.example, line.stored.sample))
        damaged += line.stored is None and line.ended
    return len(found), damaged


def line_digest(record: Mapping[str, Any]) -> str:
    """Return the digest that a line carries: of all its other values, in their order of names."""
    rest = {key: value for key, value in record.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def store_entries(out: Path) -> list[Entry]:
    """List the stores below an output folder with how far they are and who uses them."""
    users = _users(out)
    return [_entry(folder, out, users) for folder in store_folders(out)]


def _parse(line: bytes, *, digests: bool) -> Stored | None:
    try:
        record = json.loads(line)
        completion = Completion(
            text=record["text"], finished=record["finished"], tokens=record["tokens"]
        )
        stored = Stored(record["example"], record["sample"], completion)
        whole = not digests or record["digest"] == line_digest(record)
    except (ValueError, KeyError, TypeError):
        return None
    typed = isinstance(stored.example, str) and isinstance(stored.sample, int)
    return stored if whole and typed and isinstance(completion.text, str) else None


def _users(out: Path) -> dict[str, list[str]]:
    """Return the runs whose data was made from each store."""
    from forget.inventory.prepared import data_folders

    users: dict[str, list[str]] = {}
    for folder in data_folders(out):
        manifest = read_manifest(folder)
        made_from = manifest.details.get("trajectories") if manifest else None
        if isinstance(made_from, Mapping) and isinstance(made_from.get("store"), str):
            run = folder.parent.relative_to(out).as_posix()
            users.setdefault(made_from["store"].strip("/"), []).append(run)
    return users


def _entry(folder: Path, out: Path, users: Mapping[str, Iterable[str]]) -> Entry:
    relative = folder.relative_to(out).as_posix()
    lines = folder / LINES
    common: dict[str, Any] = {
        "folder": relative,
        "path": folder,
        "format": "trajectories",
        "runs": tuple(users.get(relative, ())),
        "bytes": lines.stat().st_size if lines.is_file() else 0,
    }
    rows, damaged = _progress(folder)
    try:
        store = read_store(folder)
    except DataError:
        problem = f"{STORE} is missing, or was cut or edited"
        dataset = folder.parent.name
        return Entry(dataset=dataset, state="damaged", problem=problem, rows=rows, **common)
    problem = f"{damaged:,} damaged line(s)" if damaged else ""
    whole: State = "complete" if rows >= store.expected else "unfinished"
    return Entry(
        dataset=store.dataset,
        purpose=f"completions of {store.dataset}",
        rows=rows,
        expected=store.expected,
        teacher=str(store.teacher.get("name", "")),
        sampling={**store.sampling, "samples": store.samples},
        state="damaged" if problem else whole,
        problem=problem,
        **common,
    )
