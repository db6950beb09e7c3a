"""What units cost: measured where work was done before, and what that makes of a whole study."""

from __future__ import annotations

import heapq
import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.plan import Run
from forget.scheduler.units import Stage, Unit

__all__ = ["Costs", "Estimate", "estimate", "measured"]

Key = tuple[str, ...]
"""A stage, the base model, and of a training its dataset and method."""


@attrs.frozen
class Costs:
    """Seconds of a unit, from what was measured.

    Attributes:
        seconds: Mean of each kind of unit [s]; of an evaluation, that of one model.
    """

    seconds: Mapping[Key, float]

    def of(self, unit: Unit) -> float | None:
        """Return what a unit takes [s].

        None where nothing like it was measured, or how many models it evaluates is not known.
        """
        key = _key(unit.stage, unit.run)
        found = next((self.seconds[k] for k in _wider(key) if k in self.seconds), None)
        if found is None or unit.stage != "evaluate":
            return found
        return None if unit.expected is None else found * unit.expected


class Estimate(NamedTuple):
    """What is left of a study.

    Attributes:
        seconds: Of each stage, by one process after the other [s].
        unknown: Units of each stage that nothing is known of.
        critical_s: The longest chain of units that need each other [s].
        finish_s: When all is done by so many processes at a time [s].
    """

    seconds: Mapping[Stage, float]
    unknown: Mapping[Stage, int]
    critical_s: float
    finish_s: float


def measured(runs: Iterable[Run]) -> Costs:
    """Return the costs that the journals of runs tell."""
    found: dict[Key, list[float]] = defaultdict(list)
    for run in runs:
        for record in _records(run.folder.work_journal):
            for key in _wider(_key(record["stage"], run)):
                found[key].append(record["seconds"] / max(1, record["models"]))
    return Costs({key: math.fsum(values) / len(values) for key, values in found.items()})


def estimate(units: Sequence[Unit], costs: Costs, slots: int = 1) -> Estimate:
    """Return what is left of some units, each of which comes after those that it needs.

    When all is done is worked out by taking the units in their order, as an executor does: each
    begins when a process is free and what it needs is done. What nothing is known of takes no time.

    Args:
        units: All units of a study.
        costs: What they cost.
        slots: Processes at a time.
    """
    seconds: dict[Stage, float] = defaultdict(float)
    unknown: dict[Stage, int] = defaultdict(int)
    chain: dict[str, float] = {}
    end: dict[str, float] = {}
    free = [0.0] * slots
    for unit in units:
        if unit.state == "done":
            continue
        cost = costs.of(unit)
        if cost is None:
            unknown[unit.stage] += 1
        took = cost or 0.0
        seconds[unit.stage] += took
        chain[unit.name] = took + max((chain.get(name, 0.0) for name in unit.needs), default=0.0)
        ready = max((end.get(name, 0.0) for name in unit.needs), default=0.0)
        end[unit.name] = max(heapq.heappop(free), ready) + took
        heapq.heappush(free, end[unit.name])
    return Estimate(seconds, unknown, max(chain.values(), default=0.0), max(free))


def _key(stage: Stage, run: Run) -> Key:
    return stage, run.model.name, run.dataset.record.name, run.method.record.name


def _wider(key: Key) -> Iterator[Key]:
    """Yield a kind of unit, and what it is one of: the same with any method, with any dataset."""
    for length in (4, 3, 2):
        yield key[:length]


def _records(journal: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what was written whole; several processes write, and one may be killed at it."""
    try:
        lines = journal.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict) and record.get("status") == "done":
            yield record
