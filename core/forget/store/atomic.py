"""Files and folders that are either wholly there or not there at all."""

from __future__ import annotations

import errno
import json
import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from forget.errors import OutputError, StorageError

__all__ = [
    "PARTIAL",
    "ensure_writable",
    "existing_ancestor",
    "is_utf8",
    "staged_file",
    "staged_folder",
    "storage_errors",
    "write_bytes",
    "write_json",
    "write_text",
]

PARTIAL = ".partial"
"""Part of the name of what is being written; whatever has it may be deleted when nobody runs."""

_FULL = (errno.ENOSPC, errno.EDQUOT)

_FORGOTTEN_S = 24 * 3600
"""Age after which another machine's unfinished write is taken for dead: none takes this long."""


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn the system's refusal to write `path` into a `StorageError` that says what to do."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
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


def existing_ancestor(path: Path) -> Path:
    """Return the path itself if there is something, else the nearest thing above it."""
    path = path.absolute()
    while not os.path.lexists(path):
        path = path.parent
    return path


def ensure_writable(folder: Path, what: str = "output folder", option: str = "--out") -> None:
    """Check that files can be made in `folder`, or in the nearest ancestor that exists.

    Nothing is left behind, so the check may run before anything is decided.

    Args:
        folder: The folder.
        what: What it is, for the message.
        option: The option that names another one, for the message.

    Raises:
        OutputError: The folder is a file, may not be written, or has a name that is not UTF-8.
        StorageError: The disk is full.
    """
    if not is_utf8(folder):
        raise OutputError(
            f"The {what} {folder} has a name that is not UTF-8, and libraries that write data and "
            f"weights take no other. Choose another one with {option}."
        )
    existing = existing_ancestor(folder)
    if not existing.is_dir():
        raise OutputError(
            f"The {what} {folder} cannot be made: {existing} is not a folder. "
            f"Choose another one with {option}."
        )
    probe = existing / f".forget-write-check-{os.getpid()}"
    try:
        probe.touch()
        probe.unlink()
    except OSError as error:
        if error.errno in _FULL:
            with storage_errors(folder):
                raise
        raise OutputError(
            f"The {what} {folder} cannot be written: {existing}: {error.strerror}. "
            f"Choose another one with {option}, or change its permissions."
        ) from error


def is_utf8(path: Path) -> bool:
    """Say whether a path has a name that Arrow and safetensors can open, which take UTF-8 alone."""
    try:
        str(path.absolute()).encode()
    except UnicodeEncodeError:
        return False
    return True


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new one, never a part."""
    with staged_file(path) as partial:
        partial.write_bytes(content)


@contextmanager
def staged_file(final: Path) -> Iterator[Path]:
    """Give a file name to write to that becomes `final` when the block ends well.

    If the block fails, what stood at `final` is left as it was.

    Raises:
        StorageError: The disk is full, permission is missing, or `final` is something else than a
            file, which is never replaced: a folder, or a device such as /dev/null.
    """
    if final.exists() and not final.is_file():
        raise StorageError(
            f"{final} cannot be written as a file: it is a folder or a device. Choose another name."
        )
    partial = _partial(final)
    with storage_errors(final):
        final.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(final)
        try:
            yield partial
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(final)
        finally:
            partial.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file at once; see `write_bytes`."""
    write_bytes(path, text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write a readable JSON file at once; see `write_bytes`."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False) + "\n")


@contextmanager
def staged_folder(final: Path, keep: Callable[[Path], bool] | None = None) -> Iterator[Path]:
    """Give a folder to fill that takes the name `final` when the block ends well.

    Whatever stood at `final` is replaced; if the block fails, it is left as it was. What a killed
    process left of an earlier try is removed.

    Args:
        final: The folder's name in the end.
        keep: Told of what stands at `final` when the block has ended; true leaves it there, for
            another process made the same.
    """
    staging = _partial(final)
    with storage_errors(final):
        shutil.rmtree(staging, ignore_errors=True)
        _remove_leftovers(final)
        try:
            staging.mkdir(parents=True)
            yield staging
            _replace_folder(staging, final, keep)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


def _replace_folder(staging: Path, final: Path, keep: Callable[[Path], bool] | None = None) -> None:
    """Rename `staging` to `final`; what stands there goes aside first, and is deleted last."""
    aside = _partial(final, "-old")
    while True:
        try:
            staging.rename(final)
            break
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
        if keep is not None and keep(final):
            break
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(FileNotFoundError):  # another process may be as far
            final.rename(aside)
    shutil.rmtree(aside, ignore_errors=True)


def _partial(final: Path, purpose: str = "") -> Path:
    """Name what this process writes before it becomes `final`: whose it is can be read from it."""
    return final.with_name(f".{final.name}{PARTIAL}-{_host()}-{os.getpid()}{purpose}")


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9.]", "_", platform.node())


def _remove_leftovers(final: Path) -> None:
    """Remove what dead processes left on the way to `final`."""
    pattern = re.compile(re.escape(f".{final.name}{PARTIAL}-") + r"(.*)-(\d+)(-old)?$")
    for path in list(final.parent.iterdir()) if final.parent.is_dir() else ():
        match = pattern.match(path.name)
        if match and _is_dead(path, host=match[1], pid=int(match[2])):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)


def _is_dead(path: Path, host: str, pid: int) -> bool:
    if host == _host():
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:  # it lives, and is somebody else's
            return False
        return False
    try:
        return time.time() - path.stat().st_mtime > _FORGOTTEN_S
    except FileNotFoundError:  # its owner has just finished
        return False
