"""One of the processes of a training: `python -m forget.training.worker DESCRIPTOR`.

It is told its part by `forget.training.processes` over a connection, trains by the method as any
process does, and reports there. Of what all processes have to say alike, the main one's is sent.
"""

from __future__ import annotations

import itertools
import os
import sys
import threading
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from forget import errors
from forget.errors import ForgetError
from forget.method import TrainTask
from forget.plugins import load_plugins
from forget.progress import Advance, Progress, Silent
from forget.settings import build
from forget.training import processes, together

__all__ = ["main"]

_LONGEST = 300
"""Characters of an unforeseen error that are sent."""


def main(descriptor: int) -> None:
    """Train, and leave by `os._exit`: others may wait for this process in vain by then."""
    connection: Connection[Any, Any] = Connection(descriptor)
    spec = connection.recv()
    threading.Thread(target=_end_with_parent, args=(connection,), daemon=True).start()
    status = 1
    try:
        _train(spec, connection)
        status = 0
    except ForgetError as error:
        connection.send(("error", _known(error), str(error)))
    except Exception as error:
        traceback.print_exc()
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:_LONGEST]}"
        connection.send(("failed", reason))
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _train(spec: Mapping[str, Any], connection: Connection[Any, Any]) -> None:
    from accelerate import PartialState

    sys.path[:] = spec["path"]
    plugins = load_plugins()
    method = plugins.all("methods")[spec["method"]].record
    PartialState(cpu=not spec["cuda"])  # joins the others
    _know_processors()
    said = _Sent(connection) if together.is_main() else None
    task = TrainTask(
        dataset=plugins.all("datasets")[spec["dataset"]].record,
        settings=build(method.settings, spec["settings"], where=f"method {method.name}"),
        announce=said.announce if said else _unheard,
        progress=said or Silent(),
        **spec["task"],
    )
    processes.train_here(method, task)
    together.gather(None)  # one that ends closes the others' connections to it


def _know_processors() -> None:
    """Have torch load what a trainer, continuing on CPUs, puts on what it calls cpu:0."""
    import torch

    torch.serialization.register_package(
        priority=100,  # after torch's own
        tagger=lambda storage: None,
        deserializer=lambda storage, place: storage if place.startswith("cpu:") else None,
    )


def _end_with_parent(connection: Connection[Any, Any]) -> None:
    """Wait for the end of the connection, which the system closes however the parent ends."""
    try:
        connection.recv()
    except (EOFError, OSError):
        os._exit(1)


def _known(error: ForgetError) -> str:
    """Return the class of an error, or the nearest of its bases that core knows."""
    return next(base.__name__ for base in type(error).__mro__ if base.__name__ in errors.__all__)


def _unheard(step: int, checkpoint: Path) -> None:
    """Leave it to the main process to announce a checkpoint."""


class _Sent(Progress):
    """Progress and announcements that are sent to the parent."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._send = connection.send
        self._numbers = itertools.count()

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        number = next(self._numbers)
        self._send(("task", number, description, total))
        yield lambda steps, detail="": self._send(("advance", number, steps, detail))
        self._send(("done", number))

    def note(self, text: str) -> None:
        self._send(("note", text))

    def announce(self, step: int, checkpoint: Path) -> None:
        self._send(("announce", step, str(checkpoint)))


if __name__ == "__main__":
    main(int(sys.argv[1]))
