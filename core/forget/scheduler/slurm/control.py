"""What people do to jobs: stop all of a study, try again what was given up."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from forget.errors import UnknownNameError
from forget.scheduler.requests import asked_of, forget_asked
from forget.scheduler.slurm import client
from forget.scheduler.slurm.caretaker import Caretakers
from forget.scheduler.slurm.ends import End
from forget.scheduler.slurm.guard import alone, this_job
from forget.scheduler.slurm.ledger import Ledger, SlurmJob
from forget.scheduler.slurm.place import Place
from forget.store.layout import slug

__all__ = ["cancel", "retry"]


def cancel(place: Place, study: str | None) -> list[SlurmJob]:
    """Take back what was asked for on a cluster, and cancel its jobs; return those.

    What is done stays done, and the same command by which it was asked for continues it.

    Args:
        place: Where.
        study: Only what is of this study.

    Raises:
        UnknownNameError: Nothing of this study was asked for here.
        SlurmError: Slurm does not answer.
    """
    with alone(place):
        listed = client.list_jobs()  # if Slurm does not answer, nothing is changed
        every = [asked for asked in asked_of(place.workspace) if place.is_of(asked.cluster)]
        left = [asked for asked in every if study not in (None, asked.request.study)]
        ledger = Ledger.to_write(place.ledger)
        jobs = [job for job in ledger.open.values() if _is_of(job, study)]
        if study is not None and not jobs and left == every:
            known = {asked.request.study for asked in every}
            raise UnknownNameError("study that was asked for on this cluster", study, known)
        for asked in every:
            if asked not in left:
                forget_asked(place.workspace, asked)
        names = {job.name for job in jobs}
        # The caretaker first: it would find nothing to do, but why start it.
        care = [] if left else [job.job for job in Caretakers(place, listed, this_job()).waiting]
        client.cancel([*care, *(job.job for job in listed if job.name in names and not job.ended)])
        for job in jobs:
            ledger.ended(job.name, End("cancelled", "was cancelled by `forget cancel`"), [])
        return jobs


def _is_of(job: SlurmJob, study: str | None) -> bool:
    return study is None or all(unit.startswith(f"{slug(study)}/") for unit in job.units)


def retry(place: Place, units: Sequence[str]) -> list[str]:
    """Have units tried again that were given up; return their names.

    Args:
        place: Where.
        units: Their names; none for all of them.

    Raises:
        UnknownNameError: One was not given up.
        RequestError: This machine has no Slurm.
    """
    client.check_there()
    with alone(place):
        ledger = Ledger.to_write(place.ledger)
        known: Collection[str] = ledger.quarantined.keys()
        for unit in units:
            if unit not in known:
                raise UnknownNameError("unit that was given up", unit, known)
        chosen = list(units or known)
        for unit in chosen:
            ledger.retry(unit)
        return chosen
