"""The units of a study as a table: a line for each run, and one for all of a kind."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, get_args

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.plan import PendingRun
from forget.run import BASE
from forget.scheduler.costs import Costs, Estimate, estimate
from forget.scheduler.resources import Resources, resources_of
from forget.scheduler.units import Stage, State, Unit

__all__ = ["duration", "render_units", "units_as_plain"]

_LEGEND = "GB: the most that a unit needs of the machine's memory. ~: estimated, not measured."

_STYLES: dict[State, str] = {"done": "green", "begun": "yellow", "ready": "", "waiting": "dim"}


def render_units(
    units: Sequence[Unit],
    pending: Sequence[PendingRun],
    costs: Costs,
    slots: int,
    *,
    on_gpu: bool = False,
) -> RenderableType:
    """Return a line for each run, a line for each stage, and when all is done.

    Args:
        units: All units of the runs.
        pending: Runs that wait for a plugin.
        costs: What units cost.
        slots: Processes at a time.
        on_gpu: They are done where there are GPUs.
    """
    left = estimate(units, costs, slots)
    needs = [(unit, resources_of(unit, costs, on_gpu=on_gpu)) for unit in _undone(units)]
    parts: list[RenderableType] = [_runs(units), Text(), _stages(units, needs, left)]
    if needs:
        parts.append(Text(_outlook(left, slots)))
    if any(left.hinted.values()) or any(found.estimated for _, found in needs):
        parts.append(Text(_LEGEND, "dim"))
    for waiting in pending:
        parts.append(Text(str(waiting), "yellow"))
    return Group(*parts)


def units_as_plain(
    units: Sequence[Unit],
    pending: Sequence[PendingRun],
    costs: Costs,
    slots: int,
    *,
    on_gpu: bool = False,
) -> dict[str, Any]:
    """Return the same for `--json`; see `render_units`."""
    runs = dict.fromkeys(unit.run.title for unit in units)
    left = estimate(units, costs, slots)
    return {
        "runs": list(runs),
        "units": [
            {**_plain(unit), **resources_of(unit, costs, on_gpu=on_gpu)._asdict()} for unit in units
        ],
        "pending": [waiting._asdict() for waiting in pending],
        "left": {
            "slots": slots,
            "seconds": sum(left.seconds.values()),
            "unknown_units": sum(left.unknown.values()),
            "hinted_units": sum(left.hinted.values()),
            "critical_seconds": left.critical_s,
            "finish_seconds": left.finish_s,
        },
    }


def _undone(units: Sequence[Unit]) -> list[Unit]:
    return [unit for unit in units if unit.state != "done"]


def _plain(unit: Unit) -> dict[str, Any]:
    return {
        "name": unit.name,
        "run": unit.run.title,
        "stage": unit.stage,
        "model": unit.model or None,
        "needs": list(unit.needs),
        "state": unit.state,
        "detail": unit.detail,
        "expected": unit.expected,
        "exact": unit.exact,
    }


def _runs(units: Sequence[Unit]) -> Table:
    table = Table(title="runs", title_justify="left")
    table.add_column("run", overflow="fold")
    for heading in ("data", "training"):
        table.add_column(heading)
    table.add_column("evaluated", justify="right")
    own = [unit for unit in units if unit.model != BASE]
    for title, group in groupby(own, key=lambda unit: unit.run.title):
        data, training, *evaluations = group
        table.add_row(title, _state(data), _state(training), _evaluated(evaluations))
    for unit in units:
        if unit.model == BASE:
            table.add_row(unit.name.replace("/", " / "), "", "", _state(unit))
    return table


def _state(unit: Unit) -> Text:
    detail = f", {unit.detail}" if unit.detail and unit.state != "ready" else ""
    return Text(f"{unit.state}{detail}", _STYLES[unit.state])


def _evaluated(evaluations: Sequence[Unit]) -> Text:
    done = sum(unit.state == "done" for unit in evaluations)
    expected = [unit.expected for unit in evaluations]
    known = [count for count in expected if count is not None]
    every = str(sum(known)) if len(known) == len(expected) else f"{sum(known)} + ?"
    if not all(unit.exact for unit in evaluations):
        every = f"up to {every}"
    state: State = "done" if done == len(evaluations) else "begun" if done else "ready"
    return Text(f"{done} of {every}", _STYLES[state])


def _stages(
    units: Sequence[Unit], needs: Sequence[tuple[Unit, Resources]], left: Estimate
) -> Table:
    table = Table(title="units", title_justify="left")
    table.add_column("stage")
    for heading in (*get_args(State), "GB", "GPUs", "time left"):
        table.add_column(heading, justify="right")
    for stage in get_args(Stage):
        counts = list(_counts(units, stage))
        if any(counts):
            found = [need for unit, need in needs if unit.stage == stage]
            cells = _memory(found), _gpus(found), _time_left(left, stage)
            table.add_row(stage, *map(str, counts), *cells)
    return table


def _memory(needs: Sequence[Resources]) -> str:
    """Return the most that a unit needs; ``?`` if that of one is not known."""
    known = [need for need in needs if need.memory_gb is not None]
    most = max(known, key=lambda need: need.memory_gb or 0.0, default=None)
    if most is None:
        return "?" if needs else ""
    mark = "~" if "memory_gb" in most.estimated else ""
    unknown = " + ?" if len(known) < len(needs) else ""
    return f"{mark}{most.memory_gb:.1f}{unknown}"


def _gpus(needs: Sequence[Resources]) -> str:
    counts = sorted({need.gpus for need in needs})
    return "-".join(map(str, dict.fromkeys((counts[0], counts[-1])))) if counts else ""


def _time_left(left: Estimate, stage: Stage) -> str:
    unknown = f"{left.unknown[stage]} not known" if left.unknown.get(stage) else ""
    mark = "~" if left.hinted.get(stage) else ""
    known = f"{mark}{duration(left.seconds[stage])}" if left.seconds.get(stage) else ""
    return " + ".join(filter(None, (known, unknown)))


def _outlook(left: Estimate, slots: int) -> str:
    if not any(left.seconds.values()):
        return "What it takes is not known: nothing like it was done below this folder yet."
    about = "~" if any(left.hinted.values()) else ""
    at_once = "one process" if slots == 1 else f"{slots} processes"
    least = " at least" if any(left.unknown.values()) else ""
    return (
        f"Done after{least} {about}{duration(left.finish_s)} by {at_once} at a time; the longest "
        f"chain takes {about}{duration(left.critical_s)}."
    )


def duration(seconds: float) -> str:
    """Write a time in two units: ``3 h 10 min``, ``45 s``."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours:,} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _counts(units: Sequence[Unit], stage: Stage) -> Iterator[int]:
    for state in get_args(State):
        yield sum(unit.stage == stage and unit.state == state for unit in units)
