"""Where things are written and kept: the output folder, its file system, caches."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from forget.doctor.diagnosis import Check, Found
from forget.inference.models import hub_cache_folder
from forget.session import Session, check_output
from forget.store.atomic import existing_ancestor

__all__ = ["file_system", "storage"]

_LITTLE_GB = 10
"""Less than two checkpoints of a small model with their optimiser."""

_TRY_LOCK = """
import fcntl, sys
with open(sys.argv[1]) as file:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        sys.exit(3)
"""
_REFUSED = 3
_LOCKS_REMEDY = "never start two processes on one run, or choose --out on another file system"


def storage(session: Session) -> Iterator[Check]:
    """Yield the checks of the output folder and of the Hub's cache."""
    out = session.workspace.root
    yield Check("storage", "output folder", partial(_writable, out))
    yield Check("storage", "locks", partial(_locks, out))
    yield Check("storage", "free space", partial(_space, out))
    yield Check("storage", "Hub's cache", _hub_cache)


def file_system(folder: Path) -> str:
    """Name the kind of file system that holds a folder: ``ext4``, ``nfs4``, ``lustre``."""
    import psutil

    place = existing_ancestor(folder).resolve()
    mounts = [p for p in psutil.disk_partitions(all=True) if place.is_relative_to(p.mountpoint)]
    return max(mounts, key=lambda p: len(p.mountpoint)).fstype if mounts else "unknown"


def _writable(out: Path) -> Found:
    check_output(out)
    missing = "" if out.exists() else ", to be made"
    return Found(f"{out}{missing}; file system {file_system(out)}")


def _locks(out: Path) -> Found:
    """Lock a file, and see whether another process is refused."""
    folder = existing_ancestor(out)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".forget-lock-check-") as probe:
            try:
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return Found(f"none: {error.strerror}", "warning", _LOCKS_REMEDY)
            other = subprocess.run(  # noqa: S603 - our own interpreter
                [sys.executable, "-I", "-S", "-c", _TRY_LOCK, probe.name], check=False
            )
    except OSError as error:
        return Found(f"not tried: {folder} takes no files ({error.strerror or error})", "warning")
    if other.returncode != _REFUSED:
        return Found("a lock does not keep another process out", "warning", _LOCKS_REMEDY)
    return Found("a lock keeps other processes of this machine out")


def _space(out: Path) -> Found:
    usage = shutil.disk_usage(existing_ancestor(out))
    free, whole = usage.free / 1e9, usage.total / 1e9
    text = f"{free:,.1f} of {whole:,.0f} GB"
    if usage.total and not usage.free:
        return Found(text, "problem", "free some space, or choose another folder with --out")
    if free < _LITTLE_GB:
        return Found(text, "warning", "checkpoints may fill it: free some, or choose another --out")
    return Found(text)


def _hub_cache() -> Found:
    folder = hub_cache_folder()
    if not folder.exists():
        return Found(f"{folder}, not there yet")
    if not os.access(folder, os.W_OK):
        return Found(
            f"{folder} may be read, not written",
            "warning",
            "fetch all that is needed first, or name another folder by HF_HOME",
        )
    models = sum(1 for _ in folder.glob("models--*"))
    return Found(f"{folder}, {models} model(s); file system {file_system(folder)}")
