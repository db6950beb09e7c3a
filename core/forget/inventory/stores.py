"""Stores of a teacher's completions, which several runs share: how far they are, who uses them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import DataError
from forget.inventory.prepared import data_folders, pass_rate
from forget.inventory.records import Entry, State, teacher_label
from forget.store.manifest import read_manifest
from forget.training.trajectories.store import ABOUT, LINES, read_about, scan

__all__ = ["store_entries", "store_folders"]


def store_folders(out: Path) -> list[Path]:
    """List the stores below an output folder, by path."""
    return sorted(
        folder
        for folder in out.glob("trajectories/*/*")
        if not folder.name.startswith(".") and any((folder / n).is_file() for n in (ABOUT, LINES))
    )


def _progress(folder: Path) -> tuple[int, int]:
    """Count completions and damaged lines without keeping the texts."""
    found: set[tuple[str, int]] = set()
    damaged = 0
    for line in scan(folder):
        if line.stored is not None:
            found.add((line.stored.example, line.stored.sample))
        damaged += line.stored is None and line.ended
    return len(found), damaged


def _count(folder: Path) -> tuple[int, int]:
    """Count the lines, whatever they hold."""
    size, lines = 2**20, 0
    try:
        with (folder / LINES).open("rb") as file:
            while block := file.read(size):
                lines += block.count(b"\n")
    except FileNotFoundError:
        return 0, 0
    return lines, 0


class _Use(NamedTuple):
    """A run whose data was made from a store, and the pass rate that was found then."""

    run: str
    pass_rate: float | None


def store_entries(out: Path, *, quick: bool = False) -> list[Entry]:
    """List the stores below an output folder with how far they are and who uses them.

    Args:
        out: The output folder.
        quick: Count lines and do not read them: a damaged one, which is asked again, counts too.
    """
    users = _users(out)
    progress = _count if quick else _progress
    return [_entry(folder, out, users, progress(folder)) for folder in store_folders(out)]


def _users(out: Path) -> dict[str, list[_Use]]:
    """Return the runs whose data was made from each store."""
    users: dict[str, list[_Use]] = {}
    for folder in data_folders(out):
        manifest = read_manifest(folder)
        made_from = manifest.details.get("trajectories") if manifest else None
        if isinstance(made_from, Mapping) and isinstance(made_from.get("store"), str):
            run = folder.parent.relative_to(out).as_posix()
            use = _Use(run, pass_rate(made_from))
            users.setdefault(made_from["store"].strip("/"), []).append(use)
    return users


def _entry(
    folder: Path, out: Path, users: Mapping[str, Sequence[_Use]], progress: tuple[int, int]
) -> Entry:
    relative = folder.relative_to(out).as_posix()
    lines, uses = folder / LINES, users.get(relative, ())
    common: dict[str, Any] = {
        "folder": relative,
        "path": folder,
        "format": "trajectories",
        "runs": tuple(use.run for use in uses),
        "pass_rate": uses[-1].pass_rate if uses else None,
        "bytes": lines.stat().st_size if lines.is_file() else 0,
    }
    rows, damaged = progress
    try:
        store = read_about(folder)
    except DataError:
        problem = f"{ABOUT} is missing, or was cut or edited"
        dataset = folder.parent.name
        return Entry(dataset=dataset, state="damaged", problem=problem, rows=rows, **common)
    problem = f"{damaged:,} damaged line(s)" if damaged else ""
    whole: State = "complete" if rows >= store.expected else "unfinished"
    return Entry(
        dataset=store.dataset,
        purpose=f"completions of {store.dataset}",
        rows=rows,
        expected=store.expected,
        teacher=teacher_label(store.teacher),
        sampling={**store.sampling, "samples": store.samples},
        state="damaged" if problem else whole,
        problem=problem,
        **common,
    )
