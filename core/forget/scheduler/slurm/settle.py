"""Writes down what has become of jobs that are in the queue no more."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from forget.scheduler.jobs import tail
from forget.scheduler.ready import progress_of
from forget.scheduler.slurm import client
from forget.scheduler.slurm.client import Listed
from forget.scheduler.slurm.ends import End, end_of_command, end_of_job
from forget.scheduler.slurm.ledger import Ledger, Quarantine, SlurmJob, UnitEnd
from forget.scheduler.slurm.loads import largest
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.record import Record, read_record
from forget.scheduler.slurm.studies import Study
from forget.scheduler.units import Unit
from forget.session import Session

__all__ = ["settle"]


def settle(
    ledger: Ledger,
    place: Place,
    studies: Sequence[Study],
    listed: Sequence[Listed],
    *,
    ending: str,
    note: Callable[[str], None],
) -> None:
    """Write down each job's end, and give up what was tried often enough.

    Args:
        ledger: What was submitted.
        place: Where the jobs' own records are.
        studies: What was asked for, as it is on the disk now.
        listed: The queue.
        ending: The job that asks for it, having done its work: Slurm takes it for running yet.
        note: Told of each end.
    """
    # Of two of one name (a ledger was deleted by hand) the one that has not ended.
    there = {job.name: job for job in sorted(listed, key=lambda job: not job.ended)}
    for job in list(ledger.open.values()):  # a pass may be killed before it knows the number
        if not job.job and job.name in there:
            ledger.submitted(job.name, there[job.name].job)
    over = [
        job
        for job in ledger.open.values()
        if job.name == ending or job.name not in there or there[job.name].ended
    ]
    gone = [job.job for job in over if job.job and job.name not in there]
    accounted = client.ask_accounting(gone)
    units = {unit.name: (unit, study) for study in studies for unit in study.units}
    for job in over:
        record = read_record(place.job(job.name) / "record")
        if not job.job and job.name not in there and not record.starts:
            ledger.ended(job.name, End("lost", "was never submitted"), [])
            continue
        end = end_of_job(there.get(job.name), accounted.get(job.name, ""), record)
        if job.name == ending:
            end = end_of_job(None, "", record)
        ends = list(_unit_ends(job, end, record, units))
        ledger.ended(job.name, end, ends)
        note(f"{job.name} (job {job.job}) {end.said}.")
        for found in ends:
            _give_up(ledger, place, job, found, units[found.unit][1], note)


def _unit_ends(
    job: SlurmJob, end: End, record: Record, units: Mapping[str, tuple[Unit, Study]]
) -> Iterator[UnitEnd]:
    """Yield how those commands ended that left something undone: by their first such unit."""
    for number, names in enumerate(job.commands):
        here = [units[name] for name in names if name in units]
        left = next((unit for unit, _ in here if unit.state != "done"), None)
        if left is None or not _came_to(number, record):
            continue
        found = end_of_command(record.statuses.get(number), end)
        if found.how == "done":
            found = End("failed", "ended without an error, but not all is done")
        seen = [_moved(job, unit, study.session) for unit, study in here]
        # What failed is the first that is left; where the whole job was ended, any progress counts.
        progress = seen[here.index(units[left.name])] if found.how == "failed" else any(seen)
        yield UnitEnd(unit=left.name, how=found.how, said=found.said, progress=progress)


def _came_to(number: int, record: Record) -> bool:
    """Say whether a job came to a command; one that came to none stands for the first."""
    return number in record.begun or (number == 0 and not record.begun)


def _moved(job: SlurmJob, unit: Unit, session: Session) -> bool:
    return unit.state == "done" or progress_of(unit, session) != job.progress.get(unit.name)


def _give_up(
    ledger: Ledger,
    place: Place,
    job: SlurmJob,
    end: UnitEnd,
    study: Study,
    note: Callable[[str], None],
) -> None:
    """Put a unit into quarantine that was tried often enough."""
    tries = ledger.tries[end.unit]
    unit = next(unit for unit in study.units if unit.name == end.unit)
    most = largest(study.cluster, unit.stage, client.list_partitions(None))
    longest, limit = most.time_min, job.size.time_min
    if not tries.given_up(
        memory_left=job.size.memory_mb < most.memory_mb,
        time_left=longest is not None and limit is not None and limit < longest,
    ):
        return
    count = sum(tries.counts.values())
    times = "once" if count == 1 else f"{count} times"
    why = f"{end.said}; tried {times} without progress"
    log = place.job(job.name) / "log"
    ledger.quarantine(Quarantine(unit=end.unit, why=why, log=str(log), last=tail(log)))
    note(f"{unit.title} is given up: {why}. Its log: {log}")
