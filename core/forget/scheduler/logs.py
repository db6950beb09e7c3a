"""Where the output of the process or job is that worked on a unit last."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from forget.errors import DataError, UnknownNameError
from forget.run import BASE
from forget.scheduler.slurm.ledger import Ledger
from forget.scheduler.slurm.place import places
from forget.scheduler.units import model_part
from forget.store.layout import Workspace

__all__ = ["find_log"]


def find_log(workspace: Workspace, what: str) -> Path:
    """Return the log that was written to last, of those that a name stands for.

    Args:
        workspace: The output folder.
        what: The name of a unit, or a job's name or number.

    Raises:
        UnknownNameError: Nothing of that name was ever started below the output folder.
        DataError: It was, and has not written anything yet.
    """
    every = list(_all(workspace))
    logs = [log for name, log in every if name == what]
    if not logs:
        known = {name for name, _ in every if not name.isdigit()}
        raise UnknownNameError("unit or job that was started here", what, known)
    there = [log for log in logs if log.is_file()]
    if not there:
        raise DataError(f"{what} has not written anything yet; its log will be {logs[-1]}.")
    return max(there, key=lambda log: log.stat().st_mtime)


def _all(workspace: Workspace) -> Iterator[tuple[str, Path]]:
    """Yield every name and what it may stand for, the latest last."""
    for run in workspace.root.glob("runs/*/*/*/*/seed-*"):
        for log in run.glob("work/*.log"):
            yield _unit(run.relative_to(workspace.root / "runs"), log.stem), log
    for place in places(workspace):
        for job in Ledger(place.ledger).jobs.values():
            log = place.job(job.name) / "log"
            yield job.name, log
            yield job.job, log
            for unit in job.units:
                yield unit, log


def _unit(run: Path, stem: str) -> str:
    """Return the name of the unit whose local log is called so: ``evaluate-step-000100``.

    To generate is to prepare with a teacher, and the unit goes by the latter name.
    """
    stage, _, model = stem.partition("-")
    stage = "prepare" if stage == "generate" else stage
    if model == BASE:
        return "/".join((*run.parts[:3], BASE))
    return "/".join((*run.parts, stage, *([model_part(model)] if model else [])))
