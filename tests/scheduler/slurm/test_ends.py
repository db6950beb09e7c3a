"""How a job ended: Slurm's word before accounting's, and that before the job's own."""

from __future__ import annotations

import pytest

from forget.scheduler.slurm.client import Listed
from forget.scheduler.slurm.ends import End, end_of_command, end_of_job
from forget.scheduler.slurm.record import Record

STATES = {
    "COMPLETED": "done",
    "TIMEOUT": "timeout",
    "DEADLINE": "timeout",
    "OUT_OF_MEMORY": "memory",
    "NODE_FAIL": "node",
    "BOOT_FAIL": "node",
    "PREEMPTED": "preempted",
    "REVOKED": "preempted",
    "CANCELLED": "cancelled",
    "FAILED": "failed",
}


def listed(state: str, reason: str = "None") -> Listed:
    return Listed("7", "name", state, reason)


def record(
    *events: str, starts: int = 1, begun: tuple[int, ...] = (0,), status: int | None = None
) -> Record:
    statuses = {} if status is None else {0: status}
    return Record(job="7", starts=starts, begun=begun, statuses=statuses, events=frozenset(events))


@pytest.mark.parametrize(("state", "how"), STATES.items())
def test_slurm_says_it_or_accounting_does(state: str, how: str) -> None:
    ran = record()
    assert end_of_job(listed(state), "", ran).how == how
    assert end_of_job(None, state, ran).how == how
    assert state in end_of_job(None, state, ran).said


def test_slurm_comes_before_accounting_and_both_before_the_record() -> None:
    assert end_of_job(listed("TIMEOUT"), "CANCELLED", record("done")).how == "timeout"
    assert end_of_job(None, "NODE_FAIL", record("term")).how == "node"


@pytest.mark.parametrize(
    ("ran", "how"),
    [
        (record("done"), "done"),
        (record("done", "limit"), "done"),
        (record("limit"), "timeout"),
        (record("limit", "term"), "timeout"),
        (record("term"), "cancelled"),
        (record("done", "term", status=0), "done"),
        (record("done", "term", status=1), "done"),
        (record("done", "term", status=143), "cancelled"),  # its command was told before it was
        (record(), "node"),
        (record(begun=()), "node"),
        (Record(), "lost"),
    ],
)
def test_nobody_else_says_it(ran: Record, how: str) -> None:
    assert end_of_job(None, "", ran).how == how


@pytest.mark.parametrize(
    ("ran", "how"),
    [(record("done"), "done"), (record("term"), "cancelled"), (record("limit"), "timeout")],
)
def test_a_script_that_failed_may_know_why(ran: Record, how: str) -> None:
    """A script whose commands failed ends with their status; one that was told to end with 143."""
    assert end_of_job(listed("FAILED"), "", ran).how == how


def test_where_slurm_polls_for_memory_it_calls_that_a_failure_to_launch() -> None:
    killed = listed("FAILED", "JobLaunchFailure")
    assert end_of_job(killed, "", record()).how == "memory"
    assert end_of_job(killed, "", record(begun=())).how == "failed"  # a prolog, for example


@pytest.mark.parametrize(
    ("status", "how"),
    [(0, "done"), (1, "failed"), (2, "failed"), (4, "busy"), (5, "disk"), (137, "memory")],
)
def test_a_command_by_its_status(status: int, how: str) -> None:
    assert end_of_command(status, End("timeout", "")).how == how


@pytest.mark.parametrize("status", [143, 130])
def test_a_command_that_was_told_to_end_ended_as_its_job(status: int) -> None:
    assert end_of_command(status, End("preempted", "x")) == End("preempted", "x")
    assert end_of_command(status, End("done", "")).how == "failed"  # somebody killed it alone


def test_a_command_without_an_end_ended_as_its_job() -> None:
    assert end_of_command(None, End("node", "x")) == End("node", "x")
