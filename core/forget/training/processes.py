"""A training in several processes on one machine: started, listened to, and ended together.

Each process is a `forget.training.worker` that finds the others as `accelerate` does, by the
variables of `torchrun` and a store that this process keeps. It is told what to train over a
connection, which is also how it notices that this process is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, NamedTuple

from forget import errors
from forget.convert import to_plain
from forget.errors import ForgetError, SettingsError, WorkError
from forget.inference.machine import resolve_machine
from forget.inference.memory import memory_for
from forget.method import Method, TrainTask
from forget.progress import Advance

__all__ = ["check_processes", "train", "train_here"]

_Message = tuple[Any, ...]
"""What a process says: the kind of message, and what belongs to it."""

_PROGRAM = ("-m", "forget.training.worker")
_ADDRESS = "127.0.0.1"

_GRACE_S = 1.0
"""How long the cause of a failure is looked for: who loses a partner fails too, a moment later."""


def check_processes(count: int) -> None:
    """Refuse more processes than there are GPUs; without any, they share the processor.

    Raises:
        SettingsError: There are too few.
    """
    if count == 1 or resolve_machine().device != "cuda":
        return
    import torch

    gpus = torch.cuda.device_count()
    if count > gpus:
        raise SettingsError(
            f"num_processes={count} need a GPU each, and this machine shows {gpus}. Set "
            f"num_processes={max(1, gpus)}, or see whether CUDA_VISIBLE_DEVICES hides some."
        )


def train(method: Method, task: TrainTask) -> None:
    """Train in this process, or in as many of their own as ``num_processes`` says.

    Raises:
        ForgetError: What a process raised.
        WorkError: A process was killed, or failed in a way nobody foresaw; the memory does not
            suffice.
    """
    count = task.settings.num_processes
    if count == 1:
        train_here(method, task)
        return
    with _started(count) as workers:
        spec = _as_plain(method, task)
        for worker in workers:
            with suppress(OSError):  # it has ended already, which is noticed next
                worker.connection.send(spec)
        _follow(workers, task)


def train_here(method: Method, task: TrainTask) -> None:
    """Train in this process.

    Raises:
        WorkError: The memory does not suffice.
    """
    with memory_for(
        f"to train with micro_batch_size={task.settings.micro_batch_size}",
        "Lower that (results stay the same), set gradient_checkpointing=true, or free some; the "
        "same command continues.",
    ):
        method.train(task)


class _Worker(NamedTuple):
    """A process, and the connection to it."""

    name: str
    process: subprocess.Popen[bytes]
    connection: Connection[Any, Any]


@contextmanager
def _started(count: int) -> Iterator[list[_Worker]]:
    """Start the processes; when the block ends, however it does, none of them is left."""
    import torch.distributed

    distributed: Any = torch.distributed  # it does not export the class to type checkers
    store = distributed.TCPStore(_ADDRESS, 0, is_master=True, wait_for_workers=False)
    workers: list[_Worker] = []
    try:
        for rank in range(count):
            name = f"process {rank + 1} of {count}"
            workers.append(_start(name, _environment(rank, count, store.port)))
        yield workers
    finally:
        for worker in workers:
            worker.process.kill()  # whatever it writes is whole or not there
        for worker in workers:
            worker.process.wait()
            worker.connection.close()


def _start(name: str, variables: Mapping[str, str]) -> _Worker:
    ours, theirs = Pipe()
    process = subprocess.Popen(  # noqa: S603 - our own module
        [sys.executable, *_PROGRAM, str(theirs.fileno())],
        env={**os.environ, **variables},
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for this process, which ends the others
    )
    theirs.close()
    return _Worker(name, process, ours)


def _environment(rank: int, count: int, port: int) -> dict[str, str]:
    """Return what `torchrun` would set for a process."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return {
        "MASTER_ADDR": _ADDRESS,
        "MASTER_PORT": str(port),
        "TORCHELASTIC_USE_AGENT_STORE": "True",  # the store is there already
        "TORCHELASTIC_RESTART_COUNT": "0",
        "RANK": str(rank),
        "LOCAL_RANK": str(rank),
        "WORLD_SIZE": str(count),
        "LOCAL_WORLD_SIZE": str(count),
        "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or str(max(1, cores // count)),
    }


def _as_plain(method: Method, task: TrainTask) -> dict[str, Any]:
    """Describe a task by names and values, for nothing else of a plugin can be sent for sure."""
    fields = ("model", "data", "output", "seed", "replay")
    return {
        "method": method.name,
        "dataset": task.dataset.name,
        "settings": to_plain(task.settings),
        "task": {name: getattr(task, name) for name in fields},
        "cuda": resolve_machine().device == "cuda",
        "path": sys.path,
    }


def _follow(workers: Sequence[_Worker], task: TrainTask) -> None:
    """Say what the processes say until all have ended.

    Raises:
        ForgetError: One of them failed.
    """
    left = {worker.connection: worker for worker in workers}
    with ExitStack() as bars:
        hear = _Listener(task, bars)
        while left:
            for connection in wait(list(left)):
                assert isinstance(connection, Connection)
                worker = left[connection]
                message = _received(worker)
                if message is not None and message[0] in hear.kinds:
                    hear.kinds[message[0]](*message[1:])
                elif message is not None or worker.process.wait() != 0:
                    raise _cause(workers, worker, message)
                else:
                    del left[connection]


def _received(worker: _Worker) -> _Message | None:
    """Return what a process says; None if it has ended."""
    try:
        message: _Message = worker.connection.recv()
    except (EOFError, OSError):
        return None
    return message


class _Listener:
    """Passes on what a process reports.

    Attributes:
        kinds: What is done with each kind of message.
    """

    def __init__(self, task: TrainTask, bars: ExitStack) -> None:
        self._task, self._bars = task, bars
        self._open: dict[int, tuple[ExitStack, Advance]] = {}
        self.kinds: dict[str, Callable[..., None]] = {
            "task": self._begin,
            "advance": lambda number, steps, detail: self._open[number][1](steps, detail),
            "done": lambda number: self._open.pop(number)[0].close(),
            "note": task.progress.note,
            "announce": lambda step, folder: task.announce(step, Path(folder)),
        }

    def _begin(self, number: int, description: str, total: int | None) -> None:
        bar = self._bars.enter_context(ExitStack())
        advance = bar.enter_context(self._task.progress.task(description, total))
        self._open[number] = (bar, advance)


def _cause(workers: Sequence[_Worker], first: _Worker, message: _Message | None) -> ForgetError:
    """Return what made a training fail, after a process failed first as far as was heard.

    One that raised an error on purpose knows more than one that was killed, and that one more than
    those that only lost their partner.
    """
    time.sleep(_GRACE_S)
    words = [message, *(_last_word(worker) for worker in workers if worker is not first)]
    for word in words:
        if word is not None and word[0] == "error":
            return _rebuilt(*word[1:])
    for worker in workers:
        status = worker.process.poll() or 0
        if status < 0:
            return WorkError(_killed(worker.name, -status))
    reason = message[1] if message else f"it ended with status {first.process.returncode}"
    return WorkError(
        f"Training failed in {first.name}: {reason}. Its traceback is in the run's log. The "
        "checkpoints so far are kept: run the same command again to continue."
    )


def _last_word(worker: _Worker) -> _Message | None:
    """Return why a process failed, if it has said so."""
    while worker.connection.poll():
        message = _received(worker)
        if message is None or message[0] in ("error", "failed"):
            return message
    return None


def _rebuilt(name: str, text: str) -> ForgetError:
    error: ForgetError = getattr(errors, name).__new__(getattr(errors, name))
    Exception.__init__(error, text)  # some classes write their text themselves
    return error


def _killed(name: str, number: int) -> str:
    known = number in list(signal.Signals)
    return (
        f"Training ended because {name} was killed from outside "
        f"({signal.Signals(number).name if known else number}), as the system does when memory is "
        "used up. The checkpoints so far are kept: run the same command again to continue; if it "
        "happens again, lower micro_batch_size or num_processes (results stay the same)."
    )
