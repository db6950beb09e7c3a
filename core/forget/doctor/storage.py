"""Where output goes: whether it can be written, locked, and how much of it."""

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
from forget.doctor.mounts import mount_of
from forget.doctor.quota import Quota, quotas
from forget.session import Session, check_output
from forget.store.atomic import existing_ancestor

__all__ = ["left_gb", "storage"]

_LITTLE_GB = 10
"""Less than two checkpoints of a small model with their optimiser."""

_FEW_FILES = 10_000

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
    """Yield the checks of the output folder and of the file system that holds it."""
    out = session.workspace.root
    yield Check("storage", "output folder", partial(_writable, out))
    yield Check("storage", "locks", partial(_locks, out))
    yield Check("storage", "free space", partial(_space, out))
    yield Check("storage", "files", partial(_files, out))
    yield Check("storage", "quota", partial(_quota, out))


def left_gb(out: Path) -> float:
    """Return what may still be written into a folder [GB]: free, and within all quotas."""
    known, _ = quotas(mount_of(out))
    within = [q.limit_gb - q.used_gb for q in known if q.limit_gb is not None]
    return max(0.0, min([shutil.disk_usage(existing_ancestor(out)).free / 1e9, *within]))


def _writable(out: Path) -> Found:
    check_output(out)
    missing = "" if out.exists() else ", to be made"
    return Found(f"{out}{missing}; file system {mount_of(out).kind}")


def _locks(out: Path) -> Found:
    """Lock a file, and see whether another process is refused."""
    folder = existing_ancestor(out)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".forget-lock-check-") as probe:
            try:
                fcntl.flock(probe, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                return Found(f"none: {error.strerror}", "note", _LOCKS_REMEDY)
            other = subprocess.run(  # noqa: S603 - our own interpreter
                [sys.executable, "-I", "-S", "-c", _TRY_LOCK, probe.name], check=False
            )
    except OSError as error:
        return Found(f"not tried: {folder} takes no files ({error.strerror or error})", "note")
    if other.returncode != _REFUSED:
        return Found("a lock does not keep another process out", "note", _LOCKS_REMEDY)
    return Found("a lock keeps other processes of this machine out")


def _space(out: Path) -> Found:
    usage = shutil.disk_usage(existing_ancestor(out))
    free, whole = usage.free / 1e9, usage.total / 1e9
    text = f"{free:,.1f} of {whole:,.0f} GB"
    if usage.total and not usage.free:
        return Found(text, "problem", "free some space, or choose another folder with --out")
    if free < _LITTLE_GB:
        return Found(text, "note", "checkpoints may fill it: free some, or choose another --out")
    return Found(text)


def _files(out: Path) -> Found:
    """Count the files that can still be made: a disk with room for none is as good as full."""
    found = os.statvfs(existing_ancestor(out))
    if not found.f_files:  # some file systems make room for as many as there are
        return Found("as many as there is space for")
    text = f"{found.f_favail:,} more of {found.f_files:,} can be made"
    if not found.f_favail:
        return Found(text, "problem", "remove some, or choose another folder with --out")
    if found.f_favail < _FEW_FILES:
        return Found(text, "note", "a study makes thousands: remove some, or choose another --out")
    return Found(text)


def _quota(out: Path) -> Found:
    known, silent = quotas(mount_of(out))
    if silent and not known:
        return Found(
            f"not known: {silent}", "note", "ask the site how much may be written, and where"
        )
    if not known:
        return Found("none that this system tells of")
    text = "; ".join(map(str, known))
    if any(_is_exceeded(quota) for quota in known):
        return Found(text, "problem", "no more can be written: remove some, or change --out")
    if any(_is_scarce(quota) for quota in known):
        return Found(text, "note", "checkpoints may fill it: remove some, or choose another --out")
    return Found(text)


def _is_exceeded(quota: Quota) -> bool:
    return (quota.limit_gb is not None and quota.used_gb >= quota.limit_gb) or (
        quota.file_limit is not None and quota.files >= quota.file_limit
    )


def _is_scarce(quota: Quota) -> bool:
    return (quota.limit_gb is not None and quota.limit_gb - quota.used_gb < _LITTLE_GB) or (
        quota.file_limit is not None and quota.file_limit - quota.files < _FEW_FILES
    )
