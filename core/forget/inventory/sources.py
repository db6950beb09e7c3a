"""The published data that the installed datasets are made from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from forget.dataset import Dataset, Source
from forget.errors import DataError
from forget.inventory.records import Entry, State
from forget.mirror import Mirror, count_rows

__all__ = ["Reads", "most_examples", "reads_of", "source_entries"]

_PURPOSES = {"train": "training", "test": "task accuracy"}


class Reads(NamedTuple):
    """What a dataset reads.

    Attributes:
        sources: Its sources, each with the splits that are read or declared.
        generated: How many examples a split has that nothing is read for.
    """

    sources: list[tuple[Source, tuple[str, ...]]]
    generated: dict[str, int]


class _Listener:
    """A `DataAccess` without rows that remembers what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[Source, str]] = []

    def rows(self, source: Source, split: str) -> list[Mapping[str, Any]]:
        self.asked.append((source, split))
        return []


def reads_of(dataset: Dataset) -> Reads:
    """Find what a dataset reads by asking it to load its splits where there are no rows.

    So a dataset need not declare anything, and what is listed is what is read.
    """
    found: list[tuple[Source, list[str]]] = []
    generated = {}
    for split in ("train", "test"):
        asked, examples = _listen(dataset, split)
        if not asked and examples:
            generated[split] = examples
        for source, theirs in asked:
            known = next((splits for other, splits in found if other == source), None)
            if known is None:
                known = []
                found.append((source, known))
            for name in (theirs, *source.splits):
                if name not in known:
                    known.append(name)
    return Reads([(source, tuple(splits)) for source, splits in found], generated)


def most_examples(dataset: Dataset, split: str, mirror: Mirror) -> int | None:
    """Return how many examples a split has at most, from what is declared and files' footers.

    None where nobody says: rows of the Hub that are not declared, a file that is not there.
    """
    asked, generated = _listen(dataset, split)
    if not asked:
        return generated or None
    found = [_most_examples(source, theirs, mirror) for source, theirs in asked]
    return None if None in found else sum(filter(None, found))


def _listen(dataset: Dataset, split: str) -> tuple[list[tuple[Source, str]], int]:
    """Load a split where there are no rows; return what it asked for, and its examples."""
    listener = _Listener()
    try:
        examples = len(dataset.load(split, listener))
    except Exception:  # no rows are not what it expects: it has asked by then
        examples = 0
    return listener.asked, examples


def _most_examples(source: Source, split: str, mirror: Mirror) -> int | None:
    rows = source.rows.get(split)
    if mirror.root is not None:
        rows, _, _ = _look(mirror.root / source.mirror / f"{split}.parquet", None)
    known = [count for count in (rows, source.most_examples.get(split)) if count is not None]
    return min(known, default=None)


def source_entries(datasets: Mapping[str, Dataset], mirror: Mirror) -> list[Entry]:
    """List every split that the datasets read, from files' footers alone.

    Raises:
        DataError: The mirror's folder is not there.
    """
    mirror.check()
    return [entry for name in sorted(datasets) for entry in _entries(datasets[name], mirror)]


def _entries(dataset: Dataset, mirror: Mirror) -> Iterator[Entry]:
    reads = reads_of(dataset)
    for split, rows in reads.generated.items():
        yield Entry(
            folder="",
            path=None,
            format="source",
            dataset=dataset.name,
            split=split,
            purpose=_PURPOSES.get(split, ""),
            rows=rows,
            state="generated",
        )
    for source, splits in reads.sources:
        for split in splits:
            yield _entry(dataset.name, source, split, mirror)


def _entry(dataset: str, source: Source, split: str, mirror: Mirror) -> Entry:
    expected = source.rows.get(split)
    purpose = _PURPOSES.get(split, "")
    if mirror.root is None:
        return Entry(
            folder=source.hub,
            path=None,
            format="source",
            dataset=dataset,
            split=split,
            purpose=purpose,
            expected=expected,
            state="hub",
        )
    relative = f"{source.mirror}/{split}.parquet"
    path = mirror.root / relative
    rows, state, problem = _look(path, expected)
    return Entry(
        folder=relative,
        path=path if state != "missing" else None,
        format="source",
        dataset=dataset,
        split=split,
        purpose=purpose,
        rows=rows,
        expected=expected,
        bytes=path.stat().st_size if state != "missing" else 0,
        state=state,
        problem=problem,
    )


def _look(path: Path, expected: int | None) -> tuple[int | None, State, str]:
    if not path.is_file():
        return None, "missing", ""
    try:
        rows = count_rows(path, path.name)
    except DataError:
        return None, "damaged", f"{path.name} is truncated, corrupt or not parquet"
    if expected is not None and rows < expected:
        return rows, "unfinished", f"{expected:,} rows are published"
    if expected is not None and rows > expected:
        return rows, "damaged", f"{rows:,} rows, but {expected:,} are published"
    return rows, "complete", ""
