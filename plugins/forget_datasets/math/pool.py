"""Processes that may be killed: each answers one request at a time by a line of JSON.

Why not a process pool of the standard library or of Pebble: their workers are started by
``multiprocessing``, which runs an unguarded user's script a second time (spawn) or copies a process
that holds threads and a GPU (fork), and a worker at work outlives a parent that is killed. A worker
here is a script of its own. It ends with its input and has limits that the kernel enforces.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import Any

from forget.errors import WorkError

__all__ = ["Crashed", "Pool", "TimedOut"]

START_LIMIT_S = 120
"""Longest a worker may take to import its libraries, on a busy machine or a slow disk."""

ATTEMPTS = 3
"""How often a request is tried whose worker ends for no reason that is known."""


class TimedOut(Exception):
    """A request took longer than it may, and its worker was ended."""


class Crashed(Exception):
    """Workers ended, one after the other, whenever they got a request; says with which status."""


class WorkerEnded(Exception):
    """A worker ended before it answered."""


class Pool:
    """Workers that are started when they are first needed, and again when they have ended.

    `ask` may be called from several threads, which then use several workers.
    """

    def __init__(self, command: Sequence[str], *, wall_limit_s: float, size: int | None = None):
        """Start nothing yet.

        Args:
            command: Command line of a worker.
            wall_limit_s: Time after which a worker counts as stuck [s]; it should keep a limit of
                processor time itself, which does not depend on what else the machine does.
            size: Most workers at a time; None takes the number of processors, but at most 8.
        """
        self.command = list(command)
        self.wall_limit_s = wall_limit_s
        self.size = size or min(_processors(), 8)
        self._reset()
        atexit.register(self.close)
        os.register_at_fork(after_in_child=self._leave_to_parent)

    def ask(self, request: Any) -> Any:
        """Return a worker's answer to a request; both are JSON.

        Raises:
            TimedOut: It took longer than it may.
            Crashed: Workers end whenever they get this request.
            WorkError: Workers cannot be started.
        """
        status = 0
        for attempt in range(ATTEMPTS):
            with self._slots:
                worker = self._take(fresh=attempt > 0)
                try:
                    answer = worker.ask(request, self.wall_limit_s)
                except WorkerEnded:
                    status = self._end(worker)
                except BaseException:  # the worker may still answer: nobody else may read that
                    self._end(worker)
                    raise
                else:
                    self._idle.append(worker)
                    return answer
            if status == -signal.SIGPROF:
                raise TimedOut
        raise Crashed(f"{ATTEMPTS} worker processes ended with status {status}")

    def pids(self) -> list[int]:
        """List the processes that are there."""
        return [worker.process.pid for worker in list(self._workers)]

    def close(self) -> None:
        """End the workers; the next request starts new ones."""
        for worker in list(self._workers):
            self._end(worker)
        self._idle.clear()

    def _reset(self) -> None:
        self._slots = threading.BoundedSemaphore(self.size)
        self._workers: set[Worker] = set()
        self._idle: list[Worker] = []  # pop and append are atomic

    def _take(self, *, fresh: bool) -> Worker:
        while not fresh:
            try:
                worker = self._idle.pop()
            except IndexError:
                break
            if worker.process.poll() is None:
                return worker
            self._end(worker)
        worker = Worker(self.command)
        self._workers.add(worker)
        try:
            worker.wait_until_ready()
        except BaseException:
            self._end(worker)
            raise
        return worker

    def _end(self, worker: Worker) -> int:
        self._workers.discard(worker)
        return worker.end()

    def _leave_to_parent(self) -> None:
        """After a fork: the workers are the parent's, and so is the end of their input."""
        for worker in self._workers:
            worker.abandon()
        self._reset()


class Worker:
    """One process and its pipes."""

    def __init__(self, command: list[str]):
        try:
            self.process = subprocess.Popen(  # noqa: S603 -- our own script
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                bufsize=0,
                # Then the order of sympy's sets is always the same, and what it simplifies.
                env=os.environ | {"PYTHONHASHSEED": "0"},
            )
        except OSError as error:
            raise WorkError(f"No worker process can be started: {error}.") from error
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.input, self.output = self.process.stdin, self.process.stdout

    def wait_until_ready(self) -> None:
        """Wait for the first line.

        Raises:
            WorkError: It says that the worker cannot work, or it does not come.
        """
        try:
            error = self._read(START_LIMIT_S).get("error")
        except TimedOut:
            error = f"no answer in {START_LIMIT_S} s"
        except WorkerEnded:
            error = f"it ended with status {self.end()}"
        if error:
            raise WorkError(
                f"A worker process cannot start: {error}. Check with: {' '.join(self.command)}"
            )

    @property
    def command(self) -> list[str]:
        """Its command line."""
        return [str(part) for part in self.process.args]  # type: ignore[union-attr]

    def ask(self, request: Any, wall_limit_s: float) -> Any:
        """Send a request and wait for the answer.

        Raises:
            TimedOut: There was none in time.
            WorkerEnded: There will be none.
        """
        line = memoryview(json.dumps(request).encode() + b"\n")
        try:
            while line:
                line = line[self.input.write(line) :]
        except BrokenPipeError as error:
            raise WorkerEnded from error
        return self._read(wall_limit_s)

    def end(self) -> int:
        """End the process if it has not ended, and return its exit status."""
        self.process.kill()
        status = self.process.wait()
        self.abandon()
        return status

    def abandon(self) -> None:
        """Let go of the pipes, and of a process that belongs to another one."""
        for pipe in (self.input, self.output):
            with contextlib.suppress(OSError):
                pipe.close()
        if self.process.returncode is None:
            self.process.returncode = 0

    def _read(self, limit_s: float) -> Any:
        parts: list[bytes] = []
        with selectors.DefaultSelector() as selector:
            selector.register(self.output, selectors.EVENT_READ)
            while not (parts and parts[-1].endswith(b"\n")):
                if not selector.select(limit_s):
                    raise TimedOut
                parts.append(os.read(self.output.fileno(), 65536))
                if not parts[-1]:
                    raise WorkerEnded
        return json.loads(b"".join(parts))


def _processors() -> int:
    """Return how many processors this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
