"""A manifest makes a folder complete: every file with size and digest, written last."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import attrs

from forget.convert import to_plain
from forget.errors import DataError
from forget.store.atomic import storage_errors, write_json

__all__ = [
    "MANIFEST",
    "Manifest",
    "check_format",
    "complete_kind",
    "fault",
    "file_digest",
    "known_digest",
    "read_manifest",
    "seal",
    "verify",
]

MANIFEST = "manifest.json"
_FORMAT = 1
_BLOCK = 2**16


@attrs.frozen(kw_only=True)
class Manifest:
    """What a complete folder holds.

    Attributes:
        kind: ``data``, ``base-scores``, ``checkpoint``, ``training-state``, ``evaluation`` or
            ``model``.
        details: Counts and provenance, by kind.
        files: Path below the folder to size [bytes] and SHA-256.
    """

    kind: str
    details: Mapping[str, Any]
    files: Mapping[str, tuple[int, str]]


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file's content, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def known_digest(path: Path) -> str:
    """Return a file's digest, computed once by a process while size and time of change hold.

    For listings that ask again and again; before anything is scored, a file is read through.
    """
    found = path.stat()
    return _digest_of(path, found.st_size, found.st_mtime_ns)


@cache
def _digest_of(path: Path, size: int, changed_ns: int) -> str:
    return file_digest(path)


def seal(folder: Path, kind: str, details: Mapping[str, Any]) -> Manifest:
    """Digest every file of a folder and write its manifest: from now on it is complete."""
    with storage_errors(folder):
        files = {
            path.relative_to(folder).as_posix(): (path.stat().st_size, file_digest(path))
            for path in sorted(folder.rglob("*"))
            if path.is_file() and path.name != MANIFEST
        }
    write_json(
        folder / MANIFEST,
        {
            "format": _FORMAT,
            "kind": kind,
            "details": to_plain(details),
            "files": {name: {"bytes": size, "sha256": sha} for name, (size, sha) in files.items()},
        },
    )
    return Manifest(kind=kind, details=details, files=files)


def read_manifest(folder: Path | str) -> Manifest | None:
    """Return the manifest of a folder whose files all have their sizes; None if it is incomplete.

    Digests are not computed: see `verify`.

    Raises:
        DataError: A later release wrote it, and it is not known what it means.
    """
    manifest = _parsed(folder)
    if manifest is None:
        return None
    sizes = ((name, size) for name, (size, _) in manifest.files.items())
    return manifest if _have(folder, sizes) else None


def complete_kind(folder: str) -> str | None:
    """Return the kind of a folder whose files all have their sizes; None if it is incomplete.

    The same as `read_manifest` for who asks of tens of thousands of folders and needs no more.
    """
    try:
        plain = json.loads(_content(f"{folder}/{MANIFEST}"))
        check_format(folder, plain, _FORMAT)
        sizes = [(name, file["bytes"]) for name, file in plain["files"].items()]
        return str(plain["kind"]) if _have(folder, sizes) else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def check_format(folder: Path | str, head: Any, known: int) -> None:
    """Refuse a folder of a later release, which is not to be taken for damaged and done again.

    Args:
        folder: It.
        head: What the file says that describes it; only its ``format`` is looked at.
        known: The latest format that can be read here.

    Raises:
        DataError: It has a later one.
    """
    found = head.get("format") if isinstance(head, Mapping) else None
    if isinstance(found, int) and found > known:
        raise DataError(
            f"{folder} was written by a later forget: it has format {found}, and this one reads "
            f"formats up to {known}. Upgrade it (pip install --upgrade forget-llm), or take "
            "another folder."
        )


def _have(folder: Path | str, sizes: Iterable[tuple[str, int]]) -> bool:
    """Say whether a folder has files of these names and sizes."""
    try:
        for name, size in sizes:
            # To make a Path of it takes longer than to ask the disk.
            if os.stat(f"{folder}/{name}").st_size != size:  # noqa: PTH116
                return False
    except OSError:
        return False
    return True


def _content(path: str) -> bytes:
    """Read a small file, in half the time that a file object takes."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        content = os.read(descriptor, _BLOCK)
        while more := os.read(descriptor, _BLOCK):
            content += more
        return content
    finally:
        os.close(descriptor)


def _parsed(folder: Path | str) -> Manifest | None:
    """Return what a manifest says, whatever has become of the files; None if it is none."""
    try:
        plain = json.loads(_content(f"{folder}/{MANIFEST}"))
        check_format(folder, plain, _FORMAT)
        files = {str(name): (int(f["bytes"]), f["sha256"]) for name, f in plain["files"].items()}
        return Manifest(kind=plain["kind"], details=dict(plain["details"]), files=files)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def verify(folder: Path) -> Manifest | None:
    """Return the manifest if every file still has its digest, else None.

    Raises:
        DataError: See `read_manifest`.
    """
    manifest = read_manifest(folder)
    if manifest is None:
        return None
    intact = all(file_digest(folder / name) == sha for name, (_, sha) in manifest.files.items())
    return manifest if intact else None


def fault(folder: Path, *, digests: bool) -> str | None:
    """Say why a folder is not complete, in a few words; None if it is.

    Args:
        folder: The folder.
        digests: Compute the SHA-256 of every file, as `verify` does; else sizes alone are
            compared, as `read_manifest` does.
    """
    if not (folder / MANIFEST).is_file():
        return f"it has no {MANIFEST}, so it was never finished"
    manifest = _parsed(folder)
    if manifest is None:
        return f"{MANIFEST} is not a manifest: it was cut or edited"
    found = (
        _fault(folder / name, name, size, sha if digests else None)
        for name, (size, sha) in manifest.files.items()
    )
    return next((problem for problem in found if problem is not None), None)


def _fault(path: Path, name: str, size: int, sha: str | None) -> str | None:
    """Say what is wrong with one file; its digest is computed if one is given."""
    if not path.is_file():
        return f"{name} is missing"
    if path.stat().st_size != size:
        return f"{name} has {path.stat().st_size:,} bytes and had {size:,}"
    try:
        changed = sha is not None and file_digest(path) != sha
    except OSError as error:
        return f"{name} cannot be read: {error.strerror}"
    return f"{name} was changed: its SHA-256 is not the one in {MANIFEST}" if changed else None
