"""Where models and data are kept: from which variable, how large, and whether it can grow."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from forget.doctor.diagnosis import Check, Found
from forget.doctor.mounts import mount_of
from forget.errors import OutputError, StorageError
from forget.inference.models import cache_folder, hub_cache_folder, hub_home
from forget.session import Session
from forget.store.atomic import ensure_writable

__all__ = ["caches"]

_LOOKING_S = 0.4
"""How long the sizes in one folder are added up: on a file server, that can take minutes."""


class _Size(NamedTuple):
    gb: float
    whole: bool

    def __str__(self) -> str:
        return f"{'' if self.whole else 'more than '}{self.gb:,.1f} GB"


def caches(session: Session) -> Iterator[Check]:
    """Yield the checks of all caches, and of what runs of an output folder share."""
    home = ("HF_HOME", "XDG_CACHE_HOME")
    yield _cache("converted models", cache_folder(), "FORGET_CACHE", "XDG_CACHE_HOME")
    yield _cache("Hub's models", hub_cache_folder(), "HF_HUB_CACHE", *home)
    yield _cache("Hub's data", _datasets_folder(), "HF_DATASETS_CACHE", *home)
    completions = partial(_look, session.workspace.trajectories, "", "--out")
    yield Check("caches", "trajectories", completions)
    yield Check("caches", "data mirror", partial(_mirror, session))


def _cache(name: str, folder: Path, *variables: str) -> Check:
    """Return the check of a cache that the first of some variables moves that is set."""
    named = next((v for v in variables if os.environ.get(v)), None)
    return Check("caches", name, partial(_look, folder, named or "", variables[0]))


def _datasets_folder() -> Path:
    """Return where the library `datasets` keeps what it has prepared, as its `config` finds it."""
    named = os.environ.get("HF_DATASETS_CACHE")
    return Path(named) if named else hub_home() / "datasets"


def _look(folder: Path, source: str, variable: str) -> Found:
    """Look at a cache that `source` has moved, if anything has, and that `variable` can move."""
    said = f" (by {source})" if source else ""
    try:
        ensure_writable(folder, "cache", variable)
    except (OutputError, StorageError) as error:
        reason = str(error).partition(". ")[0].partition(f"{folder} ")[2]
        return Found(
            f"{folder}{said} {reason}",
            "note",
            f"fetch all that is needed first, or name another folder: {variable}",
        )
    if not folder.is_dir():
        return Found(f"{folder}{said}, not there yet")
    return Found(f"{folder}{said}, {_size(folder)}; file system {mount_of(folder).kind}")


def _mirror(session: Session) -> Found:
    root = session.mirror.root
    if root is None:
        return Found("none: data come from the Hub, by --data or FORGET_DATA from a folder")
    if root.is_dir():
        return Found(f"{root}, {_size(root)}")
    what = "is no folder" if root.exists() else "does not exist"
    return Found(f"{root} {what}", "problem", "name the folder with --data, or in FORGET_DATA")


def _size(folder: Path) -> _Size:
    """Add up the files of a folder, links not followed, for as long as there is patience."""
    end, total = time.monotonic() + _LOOKING_S, 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(Path(root) / name).st_size
            except OSError:  # it went meanwhile
                continue
        if time.monotonic() > end:
            return _Size(total / 1e9, whole=False)
    return _Size(total / 1e9, whole=True)
