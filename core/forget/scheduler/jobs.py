"""What is being done of a study, and where: one line for each process or job."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from forget.run import BASE
from forget.scheduler.units import model_part
from forget.store.layout import RunFolder, Workspace
from forget.store.lock import Holder, holder_of

__all__ = ["JobLine", "jobs_of", "last_line", "tail"]

_READ_BYTES = 4000
"""How much of a log's end is read for its last lines."""


class JobLine(NamedTuple):
    """A process or job, and what it does.

    Attributes:
        units: Names of the units that it does.
        state: Quarantined: given up, with the reason in `detail`.
        job: What it goes by: ``process 123``, a job id.
        where: The machine, or what runs jobs.
        detail: What it said last, or why it does not run.
        log: Where its output is; None if there is none.
    """

    units: tuple[str, ...]
    state: Literal["running", "queued", "held", "quarantined"]
    job: str
    where: str
    detail: str = ""
    log: Path | None = None


def jobs_of(workspace: Workspace) -> list[JobLine]:
    """Return everything that is at work below an output folder, or waits to be.

    Processes are seen by the locks that they hold: those of this machine, and those of others where
    the file system passes locks on. A process that is at work for a job of a cluster is not named
    besides the job.
    """
    from forget.scheduler.slurm.lines import slurm_lines

    of_clusters = slurm_lines(workspace)
    covered = {unit for line in of_clusters if line.state == "running" for unit in line.units}
    processes = [line for run in workspace.runs_begun() for line in _at_work(run)]
    return [*of_clusters, *(line for line in processes if not covered.issuperset(line.units))]


def _at_work(run: RunFolder) -> Iterator[JobLine]:
    holders = [holder_of(run.lock)]
    if run.evaluating.is_dir():
        holders += [holder_of(mark) for mark in sorted(run.evaluating.iterdir())]
    for holder in holders:
        if holder is not None:
            yield _line(run, holder)


def _line(run: RunFolder, holder: Holder) -> JobLine:
    units = tuple(_units(run, *(holder.doing or _guessed(run))))
    job, _, where = holder.name.partition(" on ")
    log = _newest([run.log, *(run.work_logs / f"{name}.log" for name in _log_names(holder))])
    return JobLine(units, "running", job, where, last_line(log) if log else "", log)


def _newest(logs: Sequence[Path]) -> Path | None:
    """Return the log that was written last: whoever works now has written it."""
    there = [path for path in logs if path.is_file()]
    return max(there, key=lambda path: path.stat().st_mtime, default=None)


def _guessed(run: RunFolder) -> tuple[str, ...]:
    """Return what a process does that has not said it, by what is there."""
    return ("train",) if run.data.is_dir() and not run.sweep.is_file() else ("prepare",)


def _log_names(holder: Holder) -> tuple[str, ...]:
    """Return what an executor may have called the log: after the stage, and its first model."""
    if holder.doing == ("prepare",):
        return ("prepare", "generate")
    return ("-".join(holder.doing[:2]),)


def _units(run: RunFolder, stage: str, *models: str) -> Iterator[str]:
    parts = run.path.parts[-5:]
    if stage != "evaluate":
        yield "/".join((*parts, stage))
    for model in models:
        base = model == BASE
        yield "/".join((*parts[:3], BASE) if base else (*parts, stage, model_part(model)))


def last_line(log: Path) -> str:
    """Return the last line of a log; empty if it has none, or is not there."""
    return tail(log, 1)


def tail(log: Path, count: int = 5) -> str:
    """Return the last lines of a log, of which only the end is read; empty if it is not there."""
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _READ_BYTES))
            lines = file.read().decode(errors="replace").strip().splitlines()
    except OSError:
        return ""
    return "\n".join(lines[-count:])
