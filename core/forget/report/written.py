"""Files of a report in a folder: what may be asked for, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from forget.errors import UnknownNameError
from forget.store.atomic import ensure_writable

__all__ = ["Written", "check_request"]


class Written(NamedTuple):
    """What was written.

    Attributes:
        files: The files.
        omitted: What there are no data for, and why.
    """

    files: tuple[Path, ...]
    omitted: Mapping[str, str]


def check_request(what: str, folder: Path, formats: Sequence[str], known: Sequence[str]) -> None:
    """Check before anything is made that it can be written.

    Args:
        what: `figures` or `tables`; the option is called so.
        folder: Where to.
        formats: What is wanted.
        known: What there is.

    Raises:
        UnknownNameError: There is no such format.
        OutputError: The folder cannot be made, or not be written.
        StorageError: The disk is full.
    """
    for wanted in formats:
        if wanted not in known:
            raise UnknownNameError(f"format of {what}", wanted, known)
    ensure_writable(folder, f"folder of {what}", f"--{what}")
