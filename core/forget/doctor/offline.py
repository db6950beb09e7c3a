"""The same checks in a process that has no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import IO, Any

import attrs

from forget.convert import structure, to_plain
from forget.doctor.diagnosis import Diagnosis
from forget.errors import RequestError, WorkError
from forget.plan import RunRequest
from forget.progress import Advance, Progress
from forget.session import EngineOptions, Session

__all__ = ["Order", "Wire", "examine_offline"]

_LAST_LINES = 5


@attrs.frozen(kw_only=True)
class Order:
    """What the other process is told to look at.

    Attributes:
        out: The output folder.
        request: The runs; None for the machine alone.
        data: The data mirror.
        registries: Registry files laid over the shipped one.
        options: What models are evaluated with.
        cluster: The cluster that is asked for.
    """

    out: Path
    request: RunRequest | None = None
    data: Path | None = None
    registries: tuple[Path, ...] = ()
    options: EngineOptions = attrs.field(factory=EngineOptions)
    cluster: str | None = None


class Wire:
    """Progress, and in the end what was found, as lines of JSON to the process that waits."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        """See `forget.progress.Progress.task`."""
        self.send(task=description, total=total)
        yield lambda steps, detail="": self.send(steps=steps, detail=detail)

    def note(self, text: str) -> None:
        """See `forget.progress.Progress.note`."""
        self.send(note=text)

    def send(self, **values: Any) -> None:
        """Write one line."""
        self._stream.write(json.dumps(values) + "\n")
        self._stream.flush()


def examine_offline(
    request: RunRequest | None, session: Session, progress: Progress, cluster: str | None = None
) -> list[Diagnosis]:
    """Look at everything without a network; see `forget.doctor.examine`."""
    order = Order(
        out=session.workspace.root,
        request=request,
        data=session.mirror.root,
        registries=tuple(session.registries),
        options=session.options,
        cluster=cluster,
    )
    reading, writing = os.pipe()
    # What libraries print must neither be mistaken for findings nor fill a pipe that nobody reads.
    with tempfile.TemporaryFile() as said, os.fdopen(reading, encoding="utf-8") as lines:
        try:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter
                # -P: nothing in the working folder takes the place of a library.
                [sys.executable, "-P", "-m", "forget.doctor.sealed", str(writing)],
                stdin=subprocess.PIPE,
                stdout=said,
                stderr=said,
                pass_fds=[writing],
            )
        finally:
            os.close(writing)
        with process:
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has ended already, and has said why
                process.stdin.write(json.dumps(to_plain(order)).encode())
                process.stdin.close()
            found = _follow(lines, progress)
        if found is not None:
            return found
        raise WorkError(_ended(process.returncode, said))


def _follow(lines: IO[str], progress: Progress) -> list[Diagnosis] | None:
    """Report what the process tells; return what it found, None if it ended before that.

    Raises:
        RequestError: It says that the request is wrong.
    """
    advance: Advance = _nowhere
    with ExitStack() as shown:
        for line in lines:
            match json.loads(line):
                case {"task": name, "total": total}:
                    advance = shown.enter_context(progress.task(name, total))
                case {"steps": steps, "detail": detail}:
                    advance(steps, detail)
                case {"note": text}:
                    progress.note(text)
                case {"wrong": text}:
                    raise RequestError(text)
                case {"found": found}:
                    return [structure(item, Diagnosis) for item in found]
    return None


def _nowhere(steps: int, detail: str = "") -> None:
    """Take steps before there is a task."""


def _ended(status: int, said: IO[bytes]) -> str:
    said.seek(0)
    last = said.read().decode(errors="replace").strip().splitlines()[-_LAST_LINES:]
    how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
    return (
        f"The process without a network {how} before it had looked at everything. It said: "
        f"{' | '.join(last) or 'nothing'}"
    )
