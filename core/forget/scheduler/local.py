"""The local executor: the units of a study as processes on this machine, several at once."""

from __future__ import annotations

import math
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

from forget.errors import BusyError, RequestError
from forget.inference.guardian import Guardian
from forget.inference.machine import gpu_names, resolve_machine
from forget.plan import Run, RunRequest
from forget.scheduler.commands import command_of
from forget.scheduler.jobs import tail
from forget.scheduler.ready import look_again, progress_of, ready_units
from forget.scheduler.units import Unit
from forget.session import Session
from forget.store.atomic import storage_errors

__all__ = ["Failure", "Job", "LocalExecutor", "Slot", "find_slots"]

_ATTEMPTS = 2
"""How often a unit is tried that makes no progress."""

_LOOK_EVERY_S = 0.1

_LOOK_AGAIN_S = 10.0
"""How long a free slot waits for units that become ready while others are at work: checkpoints."""

_BUSY_S = 30.0
"""How long a unit is left alone that another process works on."""

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
        return " ".join([self.units[0].title, *(unit.model for unit in self.units[1:])])


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
        RequestError: There are fewer GPUs, or of several models, or none is wanted.
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
    models = sorted(set(gpu_names()))
    if len(gpus[:count]) > 1 and len(models) > 1:
        raise RequestError(
            f"This machine has GPUs of several models ({', '.join(models)}), whose scores are not "
            "comparable. Take one at a time: --slots 1, with CUDA_VISIBLE_DEVICES naming it."
        )
    return [Slot(f"GPU {gpu}", {"CUDA_VISIBLE_DEVICES": gpu}) for gpu in gpus[:count]]


class LocalExecutor:
    """Does all units of some runs, as many at once as there are slots.

    A unit that fails is tried again, and given up after two tries without progress; the others go
    on. One that another process works on is left alone for a while.

    Args:
        runs: What is to be done.
        request: What the runs were planned from.
        session: What it works with.
        slots: Where processes run.
        tell: Told of every process, when it starts and with its exit status when it has ended.

    Raises:
        RequestError: A run wants more GPUs than a slot has.
    """

    def __init__(
        self,
        runs: Sequence[Run],
        request: RunRequest,
        session: Session,
        slots: Sequence[Slot],
        tell: Callable[[Job, int | None], None],
    ) -> None:
        several = next((run for run in runs if run.settings.num_processes > 1), None)
        if several is not None and any("CUDA_VISIBLE_DEVICES" in s.variables for s in slots):
            raise RequestError(
                f"num_processes={several.settings.num_processes} takes several GPUs, and with --on "
                "local each run has one. Leave one of the two out."
            )
        self._runs, self._request, self._session = list(runs), request, session
        self._slots, self._tell = slots, tell
        self._jobs: list[Job] = []
        self._tries: dict[str, tuple[str, int]] = {}
        self._busy: dict[str, float] = {}
        self._guardian = Guardian()
        self.failures: dict[str, Failure] = {}

    def run(self) -> None:
        """Return when all is done that can be done; `failures` are the rest."""
        try:
            while self._start() or self._jobs or self._busy:
                self._wait()
        finally:
            self._end()

    def _units(self) -> list[Unit]:
        self._runs, units = look_again(self._runs, self._session)
        return units

    def _start(self) -> bool:
        """Start what is ready, if there is room; say whether anything was."""
        taken = {job.slot.name for job in self._jobs}
        free = [slot for slot in self._slots if slot.name not in taken]
        groups = list(self._groups()) if free else []
        for slot, group in zip(free, groups, strict=False):
            self._jobs.append(self._begin(group, slot))
            self._tell(self._jobs[-1], None)
        return bool(free and groups)

    def _groups(self) -> Iterator[list[Unit]]:
        """Yield what one process can do each: a unit, or models of a run to be evaluated."""
        self._busy = {name: end for name, end in self._busy.items() if end > time.monotonic()}
        aside = {unit.name for job in self._jobs for unit in job.units} | self._busy.keys()
        ready = ready_units(self._units(), self.failures.keys(), aside)
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
        with storage_errors(log):
            log.parent.mkdir(parents=True, exist_ok=True)
            with log.open("ab") as output:
                process = subprocess.Popen(  # noqa: S603 - our own program
                    # -P: no module of the working folder hides another.
                    [sys.executable, "-P", "-m", "forget", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, **slot.variables},
                    start_new_session=True,  # Ctrl-C is for this process, which passes it on
                )
        self._guardian.watch(process.pid)
        return Job(units, slot, log, process, time.monotonic())

    def _wait(self) -> None:
        """Wait until a process has ended, or a free slot may find something new."""
        room = len(self._jobs) < len(self._slots)
        until = time.monotonic() + (_LOOK_AGAIN_S if room else math.inf)
        ended: list[Job] = []
        while not ended and time.monotonic() < until:
            time.sleep(_LOOK_EVERY_S)
            ended = [job for job in self._jobs if job.process.poll() is not None]
        for job in ended:
            self._jobs.remove(job)
            status = job.process.returncode
            self._tell(job, status)
            self._count(job, status)

    def _count(self, job: Job, status: int) -> None:
        """Give up the unit that a process did not do, if it made no progress twice."""
        there = {unit.name: unit for unit in self._units()}
        left = (there.get(unit.name) for unit in job.units)
        failed = next((unit for unit in left if unit is not None and unit.state != "done"), None)
        if failed is None:
            return
        if status == BusyError.exit_status:
            self._busy[failed.name] = time.monotonic() + _BUSY_S
            return
        seen, tries = self._tries.get(failed.name, ("", 0))
        progress = progress_of(failed, self._session)
        tries = tries + 1 if progress == seen else 1
        self._tries[failed.name] = progress, tries
        if tries >= _ATTEMPTS:
            last = tail(job.log)
            self.failures[failed.name] = Failure(failed.title, status, job.log, last)

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
