"""The local executor: the units of a study as processes on this machine, several at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

import attrs

from forget.errors import RequestError
from forget.inference.guardian import Guardian
from forget.inference.machine import resolve_machine
from forget.plan import RunRequest, plan
from forget.scheduler.commands import command_of
from forget.scheduler.units import Unit, units_of
from forget.session import Session

__all__ = ["Failure", "Job", "LocalExecutor", "Slot", "find_slots"]

_ATTEMPTS = 2
"""How often a unit is tried that makes no progress."""

_REFUSED = 2
"""Exit status of a request that is wrong, which is wrong the next time too."""

_LAST_LINES = 5
_LOOK_EVERY_S = 0.1

_GRACE_S = 10.0
"""How long an interrupted process may take to say goodbye."""


class Slot(NamedTuple):
    """A place where one process runs at a time.

    Attributes:
        name: ``GPU 1``, ``slot 1``.
        variables: What its processes find in their environment.
    """

    name: str
    variables: Mapping[str, str]


@attrs.frozen
class Job:
    """A process, and what it does.

    Attributes:
        units: The units that it does, all of one run and stage.
        slot: Where it runs.
        log: Where its output goes.
        process: The process.
        started: When, by `time.monotonic` [s].
    """

    units: Sequence[Unit]
    slot: Slot
    log: Path
    process: subprocess.Popen[bytes]
    started: float

    @property
    def title(self) -> str:
        """What it does, in a line."""
        models = " ".join(unit.model for unit in self.units if unit.model)
        return f"{self.units[0].run.title}: {self.units[0].stage} {models}".rstrip()


class Failure(NamedTuple):
    """A unit that was given up.

    Attributes:
        title: What failed, for people.
        status: Exit status of its last process; negative for a signal's number.
        log: The log of that process.
        last: Its last lines.
    """

    title: str
    status: int
    log: Path
    last: str


def find_slots(session: Session, count: int | None) -> list[Slot]:
    """Return a slot for each GPU; on a CPU one, or as many as asked for, which share its cores.

    Args:
        session: Its device decides.
        count: How many are wanted; None for all GPUs.

    Raises:
        RequestError: There are fewer GPUs, or none is wanted.
    """
    if count is not None and count < 1:
        raise RequestError(f"--slots must be at least 1, but is {count}.")
    if resolve_machine(session.options.device).device == "cuda":
        return _gpu_slots(count)
    count = count or 1
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    threads = str(max(1, (cores or 1) // count))
    variables = {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS") or threads}
    return [Slot(f"slot {number}", variables) for number in range(1, count + 1)]


def _gpu_slots(count: int | None) -> list[Slot]:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is None:
        import torch

        visible = ",".join(map(str, range(torch.cuda.device_count())))
    gpus = [gpu.strip() for gpu in visible.split(",") if gpu.strip()]
    if count is not None and count > len(gpus):
        raise RequestError(
            f"--slots {count} need a GPU each, and this machine shows {len(gpus)}. Lower it, or "
            "see whether CUDA_VISIBLE_DEVICES hides some."
        )
    return [Slot(f"GPU {gpu}", {"CUDA_VISIBLE_DEVICES": gpu}) for gpu in gpus[:count]]


class LocalExecutor:
    """Does all units of a request, as many at once as there are slots.

    A unit that fails is tried again, twice if it made no progress; then it is given up, and the
    others go on.

    Args:
        request: What is to be done.
        session: What it works with.
        slots: Where processes run.
        tell: Told of every process, when it starts and with its exit status when it has ended.
    """

    def __init__(
        self,
        request: RunRequest,
        session: Session,
        slots: Sequence[Slot],
        tell: Callable[[Job, int | None], None],
    ) -> None:
        self._request, self._session, self._slots, self._tell = request, session, slots, tell
        self._jobs: list[Job] = []
        self._tries: dict[str, tuple[str, int]] = {}
        self._guardian = Guardian()
        self.failures: dict[str, Failure] = {}

    def run(self) -> None:
        """Return when all is done that can be done; `failures` are the rest."""
        try:
            while self._start() or self._jobs:
                self._wait()
        finally:
            self._end()

    def _start(self) -> bool:
        """Start what is ready, if there is room; say whether anything was."""
        busy = {job.slot.name for job in self._jobs}
        free = [slot for slot in self._slots if slot.name not in busy]
        groups = list(self._groups()) if free else []
        for slot, group in zip(free, groups, strict=False):
            self._jobs.append(self._begin(group, slot))
            self._tell(self._jobs[-1], None)
        return bool(free and groups)

    def _groups(self) -> Iterator[list[Unit]]:
        """Yield what one process can do each: a unit, or models of a run to be evaluated."""
        running = {unit.name for job in self._jobs for unit in job.units}
        units = units_of(plan(self._request, self._session), self._session)
        ready = [
            unit
            for unit in units
            if unit.state in ("ready", "begun")
            and unit.name not in running
            and unit.name not in self.failures
        ]
        for (_, stage), group in groupby(ready, key=lambda u: (u.run.folder.path, u.stage)):
            together = list(group)
            # A model is loaded once for all that one process evaluates, so each gets a part.
            size = -(-len(together) // len(self._slots)) if stage == "evaluate" else 1
            for start in range(0, len(together), size):
                yield together[start : start + size]

    def _begin(self, units: Sequence[Unit], slot: Slot) -> Job:
        first = units[0]
        models = tuple(unit.model for unit in units if unit.model)
        words = command_of(first, models, self._request, self._session)
        log = first.run.folder.work_logs / f"{'-'.join([first.stage, *models[:1]])}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as output:
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-m", "forget", *words],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **slot.variables},
                start_new_session=True,  # Ctrl-C is for this process, which passes it on
            )
        self._guardian.watch(process.pid)
        return Job(units, slot, log, process, time.monotonic())

    def _wait(self) -> None:
        """Wait until a process has ended."""
        while True:
            ended = [job for job in self._jobs if job.process.poll() is not None]
            if ended or not self._jobs:
                break
            time.sleep(_LOOK_EVERY_S)
        for job in ended:
            self._jobs.remove(job)
            status = job.process.returncode
            self._tell(job, status)
            if status:
                self._count(job, status)

    def _count(self, job: Job, status: int) -> None:
        """Give up the unit that a process failed at, if it made no progress twice."""
        there = {u.name: u for u in units_of(plan(self._request, self._session), self._session)}
        left = (there.get(unit.name) for unit in job.units)
        failed = next((unit for unit in left if unit is not None and unit.state != "done"), None)
        if failed is None:
            return
        seen, tries = self._tries.get(failed.name, ("", 0))
        progress = f"{failed.state} {failed.detail}"
        tries = tries + 1 if progress == seen else 1
        self._tries[failed.name] = progress, tries
        if status == _REFUSED or tries >= _ATTEMPTS:
            lines = job.log.read_text(errors="replace").splitlines()
            last = "\n".join(lines[-_LAST_LINES:])
            self.failures[failed.name] = Failure(job.title, status, job.log, last)

    def _end(self) -> None:
        """Interrupt what still runs, and see it end."""
        for job in self._jobs:
            job.process.send_signal(signal.SIGINT)
        end = time.monotonic() + _GRACE_S
        for job in self._jobs:
            try:
                job.process.wait(max(0.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                job.process.kill()
                job.process.wait()
        self._guardian.close()
