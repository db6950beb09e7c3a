"""Processes that end with this one however it ends: SIGKILL and a lack of memory included.

vLLM's processes do not look after their parent. A run that is killed would leave them behind with
the memory that its continuation needs. So a small process waits for the end of a pipe, which the
system closes with its owner, and then ends those it was told of.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

import psutil

__all__ = ["Guardian"]

_LOOK_EVERY_S = 0.01


class Guardian:
    """Ends the processes it is told of, and their descendants, when this process is gone."""

    def __init__(self) -> None:
        # A session of its own: Ctrl-C is not for it. -P: no module beside this file hides another.
        self._process = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-P", __file__],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    @contextmanager
    def of_what_starts(self) -> Iterator[set[int]]:
        """Watch over the processes that `multiprocessing` starts while the block runs.

        Yields:
            Their ids, complete when the block has ended.
        """
        before = _children()
        started: set[int] = set()
        over = threading.Event()

        def look() -> None:
            for pid in _children() - before - started:
                started.add(pid)
                self.watch(pid)

        def keep_looking() -> None:
            while not over.wait(_LOOK_EVERY_S):
                look()

        thread = threading.Thread(target=keep_looking, name="guardian", daemon=True)
        thread.start()
        try:
            yield started
        finally:
            over.set()
            thread.join()
            look()

    def close(self) -> None:
        """Let it go: whatever it was told of and still runs is ended."""
        pipe = self._pipe()
        with suppress(OSError):
            pipe.close()
        self._process.wait()

    def watch(self, pid: int) -> None:
        """Watch over one process more."""
        with suppress(OSError, ValueError):  # it was killed; what it guarded is still ended at exit
            pipe = self._pipe()
            pipe.write(f"{pid}\n".encode())
            pipe.flush()

    def _pipe(self) -> IO[bytes]:
        assert self._process.stdin is not None
        return self._process.stdin


def _children() -> set[int]:
    # Not `multiprocessing.active_children()`, which waits for children that another thread needs.
    return {child.pid for child in list(multiprocessing.process._children) if child.pid}  # type: ignore[attr-defined]


def _guard(lines: IO[str]) -> None:
    """Remember the processes that are named, and end them when nobody can name any more."""
    guarded = []
    for line in lines:
        with suppress(psutil.NoSuchProcess, ValueError):
            guarded.append(psutil.Process(int(line)))
    for process in guarded:
        with suppress(psutil.NoSuchProcess):  # psutil knows a number that another process has now
            family = [*process.children(recursive=True), process]
            for member in family:
                with suppress(psutil.NoSuchProcess):
                    member.kill()


if __name__ == "__main__":
    _guard(sys.stdin)
