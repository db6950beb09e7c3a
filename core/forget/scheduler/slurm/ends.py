"""How a job ended: what Slurm says while it knows it, what accounting says, what the job wrote."""

from __future__ import annotations

from typing import Literal, NamedTuple

from forget.errors import BusyError, StorageError
from forget.scheduler.slurm.client import Listed
from forget.scheduler.slurm.record import Record

__all__ = ["End", "How", "end_of_command", "end_of_job"]

How = Literal[
    "done", "failed", "busy", "disk", "memory", "timeout", "node", "preempted", "cancelled", "lost"
]


class End(NamedTuple):
    """How something ended.

    Attributes:
        how: What kind of end it was.
        said: The same for people.
    """

    how: How
    said: str


_STATES: dict[str, How] = {
    "COMPLETED": "done",
    "FAILED": "failed",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "OUT_OF_MEMORY": "memory",
    "NODE_FAIL": "node",
    "BOOT_FAIL": "node",
    "PREEMPTED": "preempted",
    "REVOKED": "preempted",
    "CANCELLED": "cancelled",
}
_EVENTS = {
    "limit": End("timeout", "ended when its time limit was near, as its own record says"),
    "term": End("cancelled", "was told to end (cancelled or preempted), as its own record says"),
}
_STATUSES = {
    0: End("done", "ended without an error"),
    BusyError.exit_status: End("busy", "found another process at the same work"),
    StorageError.exit_status: End("disk", "found the disk full"),
    128 + 9: End("memory", "was killed by the system (status 137), out of memory most likely"),
}
_TOLD_TO_END = (128 + 15, 128 + 2)


def end_of_job(listed: Listed | None, accounted: str, record: Record) -> End:
    """Return how a job ended that runs no more.

    Args:
        listed: What `squeue` still says of it, if it does.
        accounted: The state that accounting has of it, if there is accounting.
        record: What the job itself wrote.
    """
    state = listed.state if listed is not None else accounted
    return _by_slurm(state, listed, record) or _by_itself(state, record)


def _by_slurm(state: str, listed: Listed | None, record: Record) -> End | None:
    # Where Slurm itself polls for memory, it kills the job and calls that a failure to launch it.
    if listed is not None and listed.reason == "JobLaunchFailure" and record.begun:
        return End("memory", "was killed by Slurm for its memory, most likely (JobLaunchFailure)")
    if state in _STATES and state != "FAILED":
        return End(_STATES[state], f"ended as {state}")
    return None


def _by_itself(state: str, record: Record) -> End:
    if "unfit" in record.events:
        return End("failed", "found that something is missing on its node, as its log says")
    told = "term" in record.events and any(s in _TOLD_TO_END for s in record.statuses.values())
    if "done" in record.events and not told:
        return End("done", "ended")
    # The record's words are in the job's own order, so no clock is asked.
    for event, found in _EVENTS.items():
        if event in record.events:
            return found
    if state == "FAILED":
        return End("failed", "ended as FAILED")
    if record.starts:
        return End("node", "ended without a word: its node failed, or it was killed")
    return End("lost", "is gone from the queue and never started: deleted, most likely")


def end_of_command(status: int | None, job: End) -> End:
    """Return how a command of a job ended, by its exit status; None if it had no end."""
    if status is None:
        return job
    if status in _STATUSES:
        return _STATUSES[status]
    if status in _TOLD_TO_END and job.how not in ("done", "failed"):
        return job
    return End("failed", f"failed with status {status}")
