"""Stores of a teacher's completions, which several runs share: how far they are, what is in them.

trajectories/<dataset>/<teacher>-<12 hex>/
  store.json           {"format": 1, "dataset", "teacher", "sampling", "asked"}
  completions.jsonl    one object a line: ask, example, sample, text, finished, tokens, digest
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
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
    """Read the completions of a store; this is the one place that knows a line.

    Args:
        folder: The store.
        digests: Check each line's digest; without, a line counts if it can be read.
    """
    path = folder / LINES
    lines = path.read_bytes().split(b"\n") if path.is_file() else [b""]
    found: dict[tuple[str, int], Stored] = {}
    damaged = []
    for number, line in enumerate(lines[:-1], start=1):
        stored = _parse(line, digests=digests)
        if stored is None:
            damaged.append(number)
        else:
            found.setdefault((stored.example, stored.sample), stored)
    return Contents(list(found.values()), damaged, cut=bool(lines[-1]))


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
    contents = read_completions(folder, digests=False)
    rows = len(contents.completions)
    try:
        store = read_store(folder)
    except DataError:
        problem = f"{STORE} is missing, or was cut or edited"
        dataset = folder.parent.name
        return Entry(dataset=dataset, state="damaged", problem=problem, rows=rows, **common)
    problem = f"{len(contents.damaged):,} damaged line(s)" if contents.damaged else ""
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
