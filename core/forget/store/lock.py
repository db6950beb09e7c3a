"""One process at a time in a folder: a lock that a killed process cannot leave behind."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from forget.errors import BusyError
from forget.store.atomic import storage_errors

__all__ = ["exclusive"]

_NO_LOCKS = (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS)


@contextmanager
def exclusive(path: Path) -> Iterator[None]:
    """Hold the lock file `path` while the block runs; the system lets go of it at any exit.

    On a file system without locks nothing is held: what is written there is atomic anyway, so two
    processes waste work but spoil nothing.

    Raises:
        BusyError: Another process holds it.
    """
    with storage_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        _acquire(descriptor, path)
        with suppress(OSError):  # a full disk: the name is for people, the lock holds without it
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"process {os.getpid()} on {platform.node()}".encode())
        yield
    finally:
        os.close(descriptor)


def _acquire(descriptor: int, path: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(descriptor, 200, 0).decode(errors="replace") or "another process"
        raise BusyError(
            f"{path.parent} is in use: {holder} works on it. Wait until it is done (its log is "
            f"there), or stop it and run the same command again."
        ) from None
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
