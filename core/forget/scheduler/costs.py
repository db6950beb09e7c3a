"""What units cost: measured where work was done before, and what that makes of a whole study."""

from __future__ import annotations

import hashlib
import heapq
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.hint import Hint
from forget.plan import Run
from forget.scheduler.units import Stage, Unit
from forget.store.layout import Workspace

__all__ = ["Costs", "Estimate", "estimate", "measured"]

Key = tuple[str, ...]
"""A stage, how much there is to do in it, the base model, the dataset, and the method."""


@attrs.frozen
class Costs:
    """What units take, from what was measured.

    Attributes:
        seconds: Mean of each kind of unit [s]; of an evaluation, that of one model.
        peaks_gb: The most memory that one of each kind had [GB].
        hints: What the registry says of what was not measured.
    """

    seconds: Mapping[Key, float]
    peaks_gb: Mapping[Key, float] = attrs.field(factory=dict)
    hints: Sequence[Hint] = ()

    def of(self, unit: Unit) -> float | None:
        """Return what a unit takes [s].

        None where nothing like it was measured nor stands in the registry, or how many models it
        evaluates is not known.
        """
        found = _nearest(self.seconds, unit)
        if found is None:
            found = self._hint(unit)
        if found is None or unit.stage != "evaluate":
            return found
        return None if unit.expected is None else found * unit.expected

    def is_measured(self, unit: Unit) -> bool:
        """Say whether what a unit takes was measured."""
        return _nearest(self.seconds, unit) is not None

    def memory_gb_of(self, unit: Unit) -> float | None:
        """Return the memory that a unit needs [GB]; None where nothing like it was measured."""
        return _nearest(self.peaks_gb, unit)

    def _hint(self, unit: Unit) -> float | None:
        run = unit.run
        named = unit.stage, run.model.name, run.dataset.record.name, run.method.record.name
        found = [hint.minutes * 60 for hint in self.hints if hint.matches(*named)]
        return found[-1] if found else None


def like(run: Run, stage: Stage) -> dict[str, str]:
    """Return what work must have in common to take as long: its amount, and its run's kind."""
    amount = ""
    if stage == "evaluate":
        amount = _digest("\n".join(sorted(exam.key() for exam in run.exams)))
    elif stage == "train":
        settings = run.settings
        steps = settings.max_steps
        length = f"{settings.epochs:g} epochs" if steps is None else f"{steps} steps"
        amount = f"{length} of {settings.batch_size}, rank {settings.lora_rank}"
    return {
        "amount": amount,
        "model": run.model.name,
        "dataset": run.dataset.record.name,
        "method": run.method.record.name,
    }


@cache
def _digest(exams: str) -> str:
    return hashlib.sha256(exams.encode()).hexdigest()[:12]


class Estimate(NamedTuple):
    """What is left of a study.

    Attributes:
        seconds: Of each stage, by one process after the other [s].
        unknown: Units of each stage that nothing is known of.
        hinted: Units of each stage of which the registry alone knows something.
        critical_s: The longest chain of units that need each other [s].
        finish_s: When all is done by so many processes at a time [s].
    """

    seconds: Mapping[Stage, float]
    unknown: Mapping[Stage, int]
    hinted: Mapping[Stage, int]
    critical_s: float
    finish_s: float


def measured(workspace: Workspace, hints: Sequence[Hint] = ()) -> Costs:
    """Return the costs that the journals of all runs below an output folder tell.

    Args:
        workspace: The output folder.
        hints: What the registry says of what was not measured.
    """
    seconds: dict[Key, list[float]] = defaultdict(list)
    peaks_gb: dict[Key, float] = defaultdict(float)
    for run in workspace.runs():
        for record in _records(run.work_journal):
            for key in _wider(_key(record["stage"], record)):
                seconds[key].append(record["seconds"] / max(1, record["models"]))
                peaks_gb[key] = max(peaks_gb[key], record.get("peak_gb", 0.0))
    means = {key: math.fsum(values) / len(values) for key, values in seconds.items()}
    return Costs(means, {key: peak for key, peak in peaks_gb.items() if peak}, hints)


def estimate(units: Sequence[Unit], costs: Costs, slots: int = 1) -> Estimate:
    """Return what is left of some units, each of which comes after those that it needs.

    What nothing is known of takes no time.

    Args:
        units: All units of a study.
        costs: What they cost.
        slots: Processes at a time.
    """
    left = [unit for unit in units if unit.state != "done"]
    seconds: dict[Stage, float] = defaultdict(float)
    unknown: dict[Stage, int] = defaultdict(int)
    hinted: dict[Stage, int] = defaultdict(int)
    took: dict[str, float] = {}
    chain: dict[str, float] = {}
    for unit in left:
        cost = costs.of(unit)
        if cost is None:
            unknown[unit.stage] += 1
        elif not costs.is_measured(unit):
            hinted[unit.stage] += 1
        took[unit.name] = cost or 0.0
        seconds[unit.stage] += took[unit.name]
        before = max((chain.get(name, 0.0) for name in (*unit.needs, *unit.after)), default=0.0)
        chain[unit.name] = took[unit.name] + before
    critical = max(chain.values(), default=0.0)
    return Estimate(seconds, unknown, hinted, critical, _finish(left, took, slots))


def _finish(units: Sequence[Unit], took: Mapping[str, float], slots: int) -> float:
    """Return when all is done if a free process takes the first unit that waits for nothing [s]."""
    waits: list[int] = []
    followers: dict[str, list[int]] = defaultdict(list)
    for place, unit in enumerate(units):
        open_needs = [name for name in (*unit.needs, *unit.after) if name in took]
        waits.append(len(open_needs))
        for name in open_needs:
            followers[name].append(place)
    ready = [place for place, count in enumerate(waits) if not count]
    running: list[tuple[float, int]] = []
    now = 0.0
    while ready or running:
        while ready and len(running) < slots:
            place = heapq.heappop(ready)
            heapq.heappush(running, (now + took[units[place].name], place))
        now, place = heapq.heappop(running)
        for follower in followers[units[place].name]:
            waits[follower] -= 1
            if not waits[follower]:
                heapq.heappush(ready, follower)
    return now


def _key(stage: str, like: Mapping[str, str]) -> Key:
    return stage, like["amount"], like["model"], like["dataset"], like["method"]


def _nearest(values: Mapping[Key, float], unit: Unit) -> float | None:
    """Return the value of the narrowest kind that a unit is of."""
    key = _key(unit.stage, like(unit.run, unit.stage))
    return next((values[kind] for kind in _wider(key) if kind in values), None)


def _wider(key: Key) -> Iterator[Key]:
    """Yield a kind of unit, and what it is one of: the same with any method, with any dataset."""
    for length in (5, 4, 3):
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
        if isinstance(record, dict) and record.get("status") == "done" and "amount" in record:
            yield record
