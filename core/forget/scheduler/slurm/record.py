"""A job's own record: what its script wrote down while it ran, for want of a better witness.

A line is ``JOB RESTARTS EVENT [COMMAND [STATUS]]``. The events: ``start``; ``begin`` and ``end`` of
a command; ``limit``, the time limit is near; ``term``, the job was told to end; ``unfit``,
the node lacks something; ``done``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import attrs

__all__ = ["Record", "read_record"]


@attrs.frozen(kw_only=True)
class Record:
    """What a job did when it ran last, and how often it was started.

    Attributes:
        job: Its number; empty if it never ran.
        starts: How often it was started.
        begun: Numbers of the commands that were begun, from 0.
        statuses: Command to exit status, of those that ended.
        events: What else happened: ``limit``, ``term``, ``unfit``, ``done``.
    """

    job: str = ""
    starts: int = 0
    begun: tuple[int, ...] = ()
    statuses: Mapping[int, int] = attrs.field(factory=dict)
    events: frozenset[str] = frozenset()


def read_record(path: Path) -> Record:
    """Read a job's record; lines that are not whole are left out, for its disk may be full."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return Record()
    record = Record()
    for line in lines:
        words = line.split()
        if len(words) >= 3:
            record = _after(record, words[0], words[2], words[3:])
    return record


def _after(record: Record, job: str, event: str, rest: list[str]) -> Record:
    if event == "start":
        return Record(job=job, starts=record.starts + 1)
    numbers = [int(word) for word in rest if word.isdigit()]
    if event == "begin" and len(numbers) == 1:
        return attrs.evolve(record, begun=(*record.begun, numbers[0]))
    if event == "end" and len(numbers) == 2:
        return attrs.evolve(record, statuses={**record.statuses, numbers[0]: numbers[1]})
    return attrs.evolve(record, events=record.events | {event})
