"""What was submitted, how it ended, what was given up: a journal, and what follows from it."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from forget.convert import BadValue, structure, to_plain
from forget.errors import DataError
from forget.scheduler.slurm.ends import End, How
from forget.scheduler.slurm.sizes import JobSize
from forget.scheduler.slurm.tries import Tries
from forget.store import journal
from forget.store.atomic import storage_errors

__all__ = ["Ledger", "Quarantine", "SlurmJob", "UnitEnd"]


@attrs.frozen(kw_only=True)
class SlurmJob:
    """A job that was submitted, or was about to be.

    Attributes:
        name: Its name, unlike any other's.
        stage: What it does.
        commands: Names of the units of each of its commands.
        size: What it asks for.
        progress: What was done of each unit then, see `scheduler.ready.progress_of`.
        lane: Which chain of jobs it belongs to, if there are some.
        job: Its number; empty as long as `sbatch` has not said it.
        since: When it was submitted [s since 1970].
    """

    name: str
    stage: str
    commands: tuple[tuple[str, ...], ...]
    size: JobSize
    progress: Mapping[str, str] = attrs.field(factory=dict)
    lane: int = 0
    job: str = ""
    since: float = 0.0

    @property
    def units(self) -> list[str]:
        """All its units."""
        return [unit for command in self.commands for unit in command]


@attrs.frozen(kw_only=True)
class UnitEnd:
    """How the try of a unit ended that its job did not finish.

    Attributes:
        unit: Its name.
        how: What kind of end.
        said: The same for people.
        progress: Whether something was done of it.
    """

    unit: str
    how: How
    said: str
    progress: bool


@attrs.frozen(kw_only=True)
class Quarantine:
    """A unit that is not tried any more.

    Attributes:
        unit: Its name.
        why: For people.
        log: The log of its last job.
        last: Its last lines.
    """

    unit: str
    why: str
    log: str
    last: str


class Ledger:
    """The journal of one cluster's jobs; hold the lock of its folder to write.

    Args:
        path: Its file.

    Raises:
        DataError: It is damaged.

    Attributes:
        open: Jobs that may still do something, by name.
        jobs: All jobs, by name.
        tries: What was tried of units that are not done, by unit.
        quarantined: What is not tried any more, by unit.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.jobs: dict[str, SlurmJob] = {}
        self.open: dict[str, SlurmJob] = {}
        self.tries: dict[str, Tries] = {}
        self.quarantined: dict[str, Quarantine] = {}
        for number, event in enumerate(journal.read(path), start=1):
            try:
                self._apply(event)
            except (KeyError, TypeError, BadValue) as error:
                raise DataError(
                    f"Line {number} of {path} is not what was written there ({error!r}). Take the "
                    "file from a backup, or cancel its jobs by `scancel` and move it away: what is "
                    "done stays done."
                ) from error

    @classmethod
    def to_write(cls, path: Path) -> Ledger:
        """Open it for writing: what a killed writer left unfinished is cut off first."""
        if path.is_file():
            with storage_errors(path), path.open("rb+") as file:
                whole = file.read().rfind(b"\n") + 1
                if whole < os.fstat(file.fileno()).st_size:
                    file.truncate(whole)
        return cls(path)

    @property
    def next_number(self) -> int:
        """The number of the next job."""
        return len(self.jobs) + 1

    def intend(self, job: SlurmJob) -> None:
        """Write down a job before it is submitted: then it is known by its name in any case."""
        self._write({"event": "intended", "time": _now(), "job": to_plain(job)})

    def submitted(self, name: str, number: str) -> None:
        """Write down what number a job got."""
        self._write({"event": "submitted", "time": _now(), "name": name, "number": number})

    def ended(self, name: str, end: End, units: list[UnitEnd]) -> None:
        """Write down that a job is over, and what of its units was not finished."""
        self._write(
            {
                "event": "ended",
                "time": _now(),
                "name": name,
                "how": end.how,
                "said": end.said,
                "units": [to_plain(unit) for unit in units],
            }
        )

    def quarantine(self, entry: Quarantine) -> None:
        """Write down that a unit is not tried any more."""
        self._write({"event": "quarantined", "time": _now(), **to_plain(entry)})

    def retry(self, unit: str) -> None:
        """Have a unit tried again as if nothing had happened."""
        self._write({"event": "retried", "time": _now(), "unit": unit})

    def _write(self, event: dict[str, Any]) -> None:
        journal.append(self._path, [event])
        self._apply(event)

    def _apply(self, event: Mapping[str, Any]) -> None:
        kind = event["event"]
        if kind == "intended":
            plain = dict(event["job"])
            job = structure({**plain, "since": event["time"]}, SlurmJob)
            self.jobs[job.name] = self.open[job.name] = job
        elif kind == "submitted":
            known = attrs.evolve(self.jobs[event["name"]], job=event["number"])
            self.jobs[known.name] = known
            if known.name in self.open:
                self.open[known.name] = known
        elif kind == "ended":
            self.open.pop(event["name"], None)
            for plain in event["units"]:
                end = structure(plain, UnitEnd)
                before = self.tries.get(end.unit, Tries())
                after = before.after(End(end.how, end.said), progress=end.progress)
                self.tries[end.unit] = after
        elif kind == "quarantined":
            fields = {field.name: event[field.name] for field in attrs.fields(Quarantine)}
            self.quarantined[event["unit"]] = Quarantine(**fields)
        elif kind == "retried":
            self.quarantined.pop(event["unit"], None)
            self.tries.pop(event["unit"], None)


def _now() -> float:
    return round(time.time(), 3)
