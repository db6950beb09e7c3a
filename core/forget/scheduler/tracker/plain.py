"""A tracker as the documented JSON of `forget status --json`."""

from __future__ import annotations

from typing import Any

from forget.convert import to_plain
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.facts import Result, Tracker

__all__ = ["as_plain"]


def as_plain(tracker: Tracker) -> dict[str, Any]:
    """Return one JSON object: a list for each section."""
    return {
        "out": tracker.out,
        "at": tracker.at.isoformat(),
        "measured": to_plain(tracker.measured),
        "training": to_plain(tracker.training),
        "sweeps": to_plain(tracker.sweeps),
        "data": to_plain(tracker.data),
        "results": [_result(result) for result in tracker.results],
        "jobs": [_job(job) for job in tracker.jobs],
        "next": to_plain(tracker.advice),
        "left": to_plain(tracker.left),
        "warnings": list(tracker.warnings),
    }


def _result(result: Result) -> dict[str, Any]:
    return {**to_plain(result), "partial": result.partial, "worst": result.worst or None}


def _job(job: JobLine) -> dict[str, Any]:
    return {name: to_plain(value) for name, value in job._asdict().items()}
