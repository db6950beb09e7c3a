"""What can go wrong, as one tree; every leaf says what is wrong, where, and what to do.

    ForgetError                     the work failed (exit status 1)
    ├── WorkError                   training, evaluation or storage failed; re-run to continue
    │   ├── StorageError            the disk is full or refused a write (exit status 5)
    │   └── UnsupportedModelError   the built-in engine cannot run this family of models
    ├── CheckFailed                 a check the user asked for did not hold (exit status 3)
    └── RequestError                the request was wrong; nothing was written (exit status 2)
        ├── UnknownNameError        no method, dataset, benchmark, model ... of that name
        ├── CatalogueError          a registry file has a wrong key, type or reference
        ├── PluginError             a plugin is missing, broken, misspelt or in conflict
        ├── SettingsError           a setting has a wrong name, type or value
        ├── DataError               a data file is missing, corrupt or not what it must be
        ├── ModelError              a model or checkpoint folder cannot be used
        ├── FrozenRunError          the run directory was made with other settings
        ├── OutputError             the output folder cannot be written
        └── BusyError               another process works in the same folder (exit status 4)

The message is one paragraph for a person; the command line prints it without a traceback.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import ClassVar

__all__ = [
    "BusyError",
    "CatalogueError",
    "CheckFailed",
    "DataError",
    "ForgetError",
    "FrozenRunError",
    "ModelError",
    "OutputError",
    "PluginError",
    "RequestError",
    "SettingsError",
    "StorageError",
    "UnknownNameError",
    "UnsupportedModelError",
    "WorkError",
    "nearest",
]


class ForgetError(Exception):
    """Base of every error this project raises on purpose."""

    exit_status: ClassVar[int] = 1


class WorkError(ForgetError):
    """Work that was rightly asked for failed; what is finished is kept and a re-run continues."""


class StorageError(WorkError):
    """A write failed (full disk, quota, lost permission); what was complete before still is."""

    exit_status: ClassVar[int] = 5


class UnsupportedModelError(WorkError):
    """The built-in engine cannot run a model; the message says what of it, for a longer one."""


class CheckFailed(ForgetError):
    """A check that the user asked for (``--fail``, ``--parity``, `forget doctor`) did not hold."""

    exit_status: ClassVar[int] = 3


class RequestError(ForgetError):
    """The request cannot be carried out as it stands; nothing has been written."""

    exit_status: ClassVar[int] = 2


class UnknownNameError(RequestError):
    """No object of that kind has this name; the message lists the nearest ones."""

    def __init__(self, kind: str, name: str, known: Iterable[str], hint: str = "") -> None:
        known = sorted(known)
        text = f"There is no {kind} named {name!r}.{_suggestion(name, known)}"
        super().__init__(f"{text} {hint}".strip())
        self.kind, self.name = kind, name


class CatalogueError(RequestError):
    """A registry file is wrong: the message names file, key path and the valid choices."""


class PluginError(RequestError):
    """A plugin is missing, broken, misspelt, or in conflict with another."""


class SettingsError(RequestError):
    """A setting has an unknown name, a wrong type or a value out of range."""


class DataError(RequestError):
    """A data file is missing, corrupt, or lacks what the dataset or benchmark needs."""


class ModelError(RequestError):
    """A model or checkpoint folder is missing, incomplete or corrupt."""


class FrozenRunError(RequestError):
    """A run directory holds a run with other settings; the message shows the difference."""


class OutputError(RequestError):
    """The output folder cannot be created or written."""


class BusyError(RequestError):
    """Another process works in the same folder; nothing is wrong with the request itself."""

    exit_status: ClassVar[int] = 4


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of the `known` names that look most like `name`, best first."""
    by_lower = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(name.lower(), by_lower, n=count, cutoff=0.5)
    return [by_lower[match] for match in matches]


def _suggestion(name: str, known: list[str]) -> str:
    close = nearest(name, known)
    if close:
        return f" Did you mean {' or '.join(map(repr, close))}?"
    if not known:
        return ""
    return f" Known names: {', '.join(known)}."
