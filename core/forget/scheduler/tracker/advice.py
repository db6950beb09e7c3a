"""What to do next, as commands to type, the most urgent first; and how long all of it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forget.scheduler.commands import report_command, run_command
from forget.scheduler.costs import estimate, measured
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.facts import Advice, TimeLeft
from forget.scheduler.tracker.planned import Planned
from forget.scheduler.tracker.views import View
from forget.scheduler.units import Unit
from forget.store.layout import Workspace

__all__ = ["advice_on", "time_left"]


def advice_on(
    requests: Sequence[tuple[Planned, Sequence[View]]], jobs: Sequence[JobLine]
) -> Iterator[Advice]:
    """Yield what somebody has to do; what is at work needs nobody.

    Args:
        requests: Each request with its runs.
        jobs: What is at work, waits, or was given up.
    """
    for job in jobs:
        if job.state == "quarantined":
            for unit in job.units:
                yield Advice(why=f"{unit} was given up: see why", command=f"forget logs {unit}")
                yield Advice(why="and once that is mended", command=f"forget retry {unit}")
    for planned, views in requests:
        yield from _to_continue(planned, views)
    if any(views for _, views in requests) and not any(_left(views) for _, views in requests):
        yield Advice(
            why="all that can be done is done: see what came of it",
            command=report_command(requests[0][0].session),
        )
    waiting = (run for planned, _ in requests for run in planned.pending)
    for what, remedy in dict.fromkeys((run.waits_for, run.remedy) for run in waiting):
        count = sum(run.waits_for == what for planned, _ in requests for run in planned.pending)
        runs = "1 run waits" if count == 1 else f"{count} runs wait"
        yield Advice(why=f"{runs} for {what}", command=remedy)


def time_left(views: Sequence[View], workspace: Workspace) -> TimeLeft | None:
    """Return what is left of some runs; None if nothing is."""
    left = _left(views)
    if not left:
        return None
    found = estimate(_units(views), measured(workspace))
    return TimeLeft(
        seconds=sum(found.seconds.values()),
        chain_s=found.critical_s,
        units=len(left),
        unknown_units=sum(found.unknown.values()),
    )


def _left(views: Sequence[View]) -> list[Unit]:
    return [unit for unit in _units(views) if unit.state != "done"]


def _to_continue(planned: Planned, views: Sequence[View]) -> Iterator[Advice]:
    units = _units(views)
    left = _left(views)
    if left and not any(view.jobs for view in views):
        command = run_command(planned.request, planned.session, planned.cluster)
        why = f"{planned.request.study}: {len(left):,} of {len(units):,} units are left"
        yield Advice(why=why, command=command)


def _units(views: Sequence[View]) -> list[Unit]:
    """Return the units of some runs, once where they share one, each after those it needs."""
    return list({unit.name: unit for view in views for unit in view.units}.values())
