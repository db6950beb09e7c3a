"""The jobs of clusters as a tracker shows them: queued, running, or given up and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from forget.errors import ForgetError
from forget.scheduler.jobs import JobLine, last_line
from forget.scheduler.slurm import client
from forget.scheduler.slurm.client import Listed, SlurmError
from forget.scheduler.slurm.ledger import Ledger, Quarantine, SlurmJob
from forget.scheduler.slurm.place import Place, places
from forget.store.layout import Workspace

__all__ = ["slurm_lines"]


def slurm_lines(workspace: Workspace) -> list[JobLine]:
    """Return the jobs of an output folder, by one call of `squeue` if some may be in the queue."""
    ledgers = [(place, _ledger(place)) for place in places(workspace)]
    queue: Mapping[str, Listed] = {}
    silent = ""
    if any(isinstance(ledger, Ledger) and ledger.open for _, ledger in ledgers):
        try:
            queue = {job.name: job for job in client.list_jobs()}
        except SlurmError as error:
            silent = f"Slurm was asked in vain: {error}"
    return [line for place, ledger in ledgers for line in _of_place(place, ledger, queue, silent)]


def _ledger(place: Place) -> Ledger | str:
    try:
        return Ledger(place.ledger)
    except ForgetError as error:
        return str(error)


def _of_place(
    place: Place, ledger: Ledger | str, queue: Mapping[str, Listed], silent: str
) -> Iterator[JobLine]:
    if isinstance(ledger, str):
        yield JobLine((), "held", "", place.cluster, ledger)
        return
    for job in ledger.open.values():
        yield _of_job(place, job, queue.get(job.name), silent)
    for given_up in ledger.quarantined.values():
        yield _of_quarantine(place, given_up)


def _of_job(place: Place, job: SlurmJob, listed: Listed | None, silent: str) -> JobLine:
    units, log = tuple(job.units), place.job(job.name) / "log"
    if listed is None or listed.ended:
        gone = "it has ended, and no other job has looked since: forget advance"
        return JobLine(units, "queued", job.job, place.cluster, silent or gone, log)
    if listed.waiting:
        return JobLine(units, "queued", job.job, place.cluster, listed.reason, log)
    return JobLine(units, "running", job.job, place.cluster, last_line(log), log)


def _of_quarantine(place: Place, given_up: Quarantine) -> JobLine:
    detail = "\n".join(filter(None, (given_up.why, given_up.last)))
    return JobLine((given_up.unit,), "quarantined", "", place.cluster, detail, Path(given_up.log))
