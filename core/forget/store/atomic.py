"""Files and folders that are either wholly there or not there at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from forget.errors import OutputError, StorageError

__all__ = [
    "PARTIAL",
    "ensure_writable",
    "staged_folder",
    "storage_errors",
    "write_bytes",
    "write_json",
    "write_text",
]

PARTIAL = ".partial"
"""Suffix of what is being written; whatever carries it may be deleted when nobody runs."""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write `path` into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StorageError(
                f"The disk is full: {path} could not be written. What was complete before still "
                "is; free some space and run the same command again to continue."
            ) from error
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            raise StorageError(
                f"No permission to write {path} ({error.strerror}). Give yourself write access, "
                "or choose another folder with --out; what was complete before still is."
            ) from error
        raise


def ensure_writable(folder: Path) -> None:
    """Check that files can be made in `folder`, or in the nearest ancestor that exists.

    Nothing is left behind, so the check may run before anything is decided.

    Raises:
        OutputError: The folder is a file, or may not be written.
    """
    existing = folder.absolute()
    while not os.path.lexists(existing):
        existing = existing.parent
    if not existing.is_dir():
        raise OutputError(
            f"The output folder {folder} cannot be made: {existing} is not a folder. "
            "Choose another one with --out."
        )
    probe = existing / f".forget-write-check-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(
            f"The output folder {folder} cannot be written: {existing}: {error.strerror}. "
            "Choose another one with --out, or change its permissions."
        ) from error


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part."""
    partial = path.with_name(f".{path.name}{PARTIAL}-{os.getpid()}")
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file at once; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a readable JSON file at once; see `write_bytes`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def staged_folder(final: Path) -> Iterator[Path]:
    """Give a folder to fill that takes the name `final` when the block ends well.

    Whatever stood at `final` is replaced; if the block fails, it is left as it was.
    """
    staging = final.with_name(f".{final.name}{PARTIAL}-{os.getpid()}")
    with storage_errors(final):
        shutil.rmtree(staging, ignore_errors=True)
        try:
            staging.mkdir(parents=True)
            yield staging
            _replace_folder(staging, final)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _replace_folder(staging: Path, final: Path) -> None:
    """Rename `staging` to `final`; what stood there goes aside first, and is deleted last."""
    aside = final.with_name(f".{final.name}{PARTIAL}-old-{os.getpid()}")
    if final.exists():
        final.rename(aside)
    staging.rename(final)
    shutil.rmtree(aside, ignore_errors=True)
