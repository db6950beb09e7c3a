"""Files of a report in a folder: what may be asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from forget.errors import OutputError, RequestError, UnknownNameError
from forget.store.atomic import ensure_writable

__all__ = ["Written", "check_page", "check_request"]


class Written(NamedTuple):
    """What was written.

    Attributes:
        files: The files.
        omitted: What there are no data for, and why.
    """

    files: tuple[Path, ...]
    omitted: Mapping[str, str]


def check_page(path: Path) -> None:
    """Check before anything is made that a page can be written to a file.

    Raises:
        OutputError: It is a folder or a device, or its folder cannot be made, or not be written.
        StorageError: The disk is full.
    """
    if path.exists() and not path.is_file():
        raise OutputError(f"{path} is a folder or a device: name a file with --html.")
    ensure_writable(path.absolute().parent, "folder of the page", "--html")


def check_request(what: str, folder: Path, formats: Sequence[str], known: Sequence[str]) -> None:
    """Check before anything is made that it can be written.

    Args:
        what: `figures` or `tables`; the option is called so.
        folder: Where to.
        formats: What is wanted.
        known: What there is.

    Raises:
        RequestError: No format is wanted.
        UnknownNameError: There is no such format.
        OutputError: The folder cannot be made, or not be written.
        StorageError: The disk is full.
    """
    if not formats:
        raise RequestError(f"Name a format of {what}: {', '.join(known)}.")
    for wanted in formats:
        if wanted not in known:
            raise UnknownNameError(f"format of {what}", wanted, known)
    ensure_writable(folder, f"folder of {what}", f"--{what}")
