"""Stores of a teacher's completions, which several runs share: how far they are, who uses them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from forget.errors import DataError
from forget.inventory.records import Entry, State
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


def store_entries(out: Path) -> list[Entry]:
    """List the stores below an output folder with how far they are and who uses them."""
    users = _users(out)
    return [_entry(folder, out, users) for folder in store_folders(out)]


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
        teacher=str(store.teacher.get("name", "")),
        sampling={**store.sampling, "samples": store.samples},
        state="damaged" if problem else whole,
        problem=problem,
        **common,
    )
