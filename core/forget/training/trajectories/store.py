"""What a teacher has written, on disk: each completion is there before the next is waited for.

    trajectories/<dataset>/<teacher>-<12 hex>/
      store.json           {"format": 1, "dataset", "teacher", "sampling", "asked"}
      completions.jsonl    one object a line: ask, example, sample, text, finished, tokens, digest

A store belongs to one teacher, dataset and way of sampling, and is shared by all runs that learn
from them: asking more questions, or each more often, adds to it. Its lines carry their own digests,
so that one cut short by a crash or edited by hand is asked for again, and nothing else is.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.completion import Completion
from forget.errors import DataError
from forget.store import journal
from forget.store.atomic import write_json
from forget.store.layout import slug
from forget.store.manifest import check_format

__all__ = [
    "ABOUT",
    "LINES",
    "About",
    "CompletionStore",
    "Contents",
    "Stored",
    "open_store",
    "read_about",
    "read_contents",
    "scan",
]

ABOUT = "store.json"
LINES = "completions.jsonl"
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


class Line(NamedTuple):
    """A line of a store; `stored` is None if it is not what was written, `ended` if it is whole."""

    number: int
    stored: Stored | None
    ended: bool


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


@attrs.frozen(kw_only=True)
class About:
    """What the head of a store says.

    Attributes:
        dataset: The dataset whose questions were asked.
        teacher: Who was asked: name, kind, model.
        sampling: How completions are drawn.
        questions: How many questions were asked last.
        samples: How many completions of each.
    """

    dataset: str
    teacher: Mapping[str, Any]
    sampling: Mapping[str, Any]
    questions: int
    samples: int

    @property
    def expected(self) -> int:
        """How many completions there are when all that was asked last is there."""
        return self.questions * self.samples


@attrs.frozen
class CompletionStore:
    """The completions of one teacher on one dataset."""

    folder: Path

    def read(self) -> dict[str, Completion]:
        """Return the completions by the hash of their prompt; lines that are not whole go.

        They are taken out of the file too, or the next line would be written behind half a one.

        Raises:
            DataError: A later release wrote them.
        """
        _refuse_later(self.folder)
        lines = list(scan(self.folder))
        whole = [line.stored for line in lines if line.stored is not None]
        if len(whole) < len(lines):
            journal.rewrite(self.folder / LINES, [_as_record(item) for item in whole])
        return {item.ask: item.completion for item in whole}

    def add(self, item: Stored) -> None:
        """Keep one completion; it is on disk when this returns.

        Raises:
            StorageError: The disk is full.
        """
        journal.append(self.folder / LINES, [_as_record(item)])

    def describe(self, about: About) -> None:
        """Write down whose completions these are and what is being asked."""
        head = {
            "format": _FORMAT,
            "dataset": about.dataset,
            "teacher": dict(about.teacher),
            "sampling": dict(about.sampling),
            "asked": {"questions": about.questions, "samples": about.samples},
        }
        write_json(self.folder / ABOUT, head)


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
        sampling: All else that decides what is written, besides the prompt.
    """
    # Weights that go by another name write the same.
    names = ("name", "model", "family") if "model_digest" in teacher else ()
    known = {key: value for key, value in teacher.items() if key not in names}
    digest = _digest({"teacher": known, "sampling": dict(sampling)})[:12]
    folder = root / slug(dataset)
    others = sorted(folder.glob(f"*-{digest}")) if folder.is_dir() else []
    return CompletionStore(others[0] if others else folder / f"{slug(name)}-{digest}")


def read_about(folder: Path) -> About:
    """Read the head of a store.

    Raises:
        DataError: It is missing, or not what it must be.
    """
    try:
        head = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        check_format(folder, head, _FORMAT)
        asked = head["asked"]
        return About(
            dataset=str(head["dataset"]),
            teacher=dict(head["teacher"]),
            sampling=dict(head["sampling"]),
            questions=int(asked["questions"]),
            samples=int(asked["samples"]),
        )
    except FileNotFoundError as error:
        raise DataError(f"{folder} has no {ABOUT}, so nobody knows who wrote it.") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{folder / ABOUT} is not the head of a store of completions: it was cut or edited."
        ) from error


def _refuse_later(folder: Path) -> None:
    """Refuse a store of a later release, whose lines would look damaged and be taken out."""
    try:
        head = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # it is written anew before anything is asked
        return
    check_format(folder, head, _FORMAT)


def read_contents(folder: Path) -> Contents:
    """Read the completions of a store; nothing is changed."""
    found: dict[tuple[str, int], Stored] = {}
    damaged, cut = [], False
    for line in scan(folder):
        if line.stored is not None:
            found.setdefault((line.stored.example, line.stored.sample), line.stored)
        elif line.ended:
            damaged.append(line.number)
        cut = not line.ended
    return Contents(list(found.values()), damaged, cut)


def scan(folder: Path) -> Iterator[Line]:
    """Yield the lines of a store, from 1; none if it has no file."""
    path = folder / LINES
    if not path.is_file():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            ended = line.endswith(b"\n")
            yield Line(number, _parse(line) if ended else None, ended)


def _parse(line: bytes) -> Stored | None:
    try:
        values = json.loads(line)
        digest = values.pop("digest")
        completion = Completion(
            text=values["text"], finished=values["finished"], tokens=values["tokens"]
        )
        stored = Stored(values["ask"], values["example"], values["sample"], completion)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return stored if digest == _digest(values)[:16] else None


def _as_record(item: Stored) -> dict[str, Any]:
    values = {
        "ask": item.ask,
        "example": item.example,
        "sample": item.sample,
        **attrs.asdict(item.completion),
    }
    return {**values, "digest": _digest(values)[:16]}


def _digest(values: Mapping[str, Any]) -> str:
    text = json.dumps(values, sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
