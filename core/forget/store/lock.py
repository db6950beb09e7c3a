"""One process at a time in a folder: a lock that a killed process cannot leave behind."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from forget.errors import BusyError
from forget.store.atomic import storage_errors

__all__ = ["Holder", "exclusive", "holder_of"]

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)

_LOOKS = 5
_LOOK_S = 0.02
"""A lock that is only looked at, see `holder_of`, is free again by then."""

_CONTENT_BYTES = 10_000


class Holder(NamedTuple):
    """Who holds a lock.

    Attributes:
        name: ``process 123 on node-1``.
        doing: What it said that it does, a part each.
    """

    name: str
    doing: tuple[str, ...]


@contextmanager
def exclusive(path: Path, *doing: str) -> Iterator[Callable[..., None]]:
    """Hold the lock file `path` while the block runs; the system lets go of it at any exit.

    On a file system without locks nothing is held: what is written there is atomic anyway, so two
    processes waste work but spoil nothing.

    Args:
        path: The lock file.
        doing: What is done while it is held, for those who look; the block is given a function
            that says something else.

    Raises:
        BusyError: Another process holds it.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, path)

        def tell(*doing: str) -> None:
            content = "\n".join([f"process {os.getpid()} on {platform.node()}", *doing]).encode()
            with suppress(OSError):  # a full disk: this is for people, the lock holds without it
                os.pwrite(descriptor, content, 0)
                os.ftruncate(descriptor, len(content))

        tell(*doing)
        yield tell
    finally:
        os.close(descriptor)


def holder_of(path: Path) -> Holder | None:
    """Say who holds a lock file, without taking it from anybody; None if nobody does.

    What a process left there that has ended is no sign of it: the lock itself is tried.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _holder(descriptor)
    except OSError:  # a file system without locks, where nobody can know
        return None
    finally:
        os.close(descriptor)
    return None


def _holder(descriptor: int) -> Holder:
    lines = os.pread(descriptor, _CONTENT_BYTES, 0).decode(errors="replace").splitlines()
    name, *doing = lines or ["another process"]
    return Holder(name, tuple(doing))


def _acquire(descriptor: int, path: Path) -> None:
    for look in range(_LOOKS):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if look + 1 < _LOOKS:
                time.sleep(_LOOK_S)
                continue
            raise BusyError(
                f"{path.parent} is in use: {_holder(descriptor).name} works on it. Wait until it "
                "is done (its log is there), or stop it and run the same command again."
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        return
