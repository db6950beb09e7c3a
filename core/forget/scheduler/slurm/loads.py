"""How units go into jobs: several of one kind where they fit, one where nobody knows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import get_args

import attrs

from forget.cluster import Cluster
from forget.scheduler.costs import Costs
from forget.scheduler.resources import gpus_of
from forget.scheduler.slurm.client import Partition
from forget.scheduler.slurm.sizes import (
    JobSize,
    caretaker_size,
    check_fits,
    job_size,
    most_at_once,
    possible,
)
from forget.scheduler.slurm.tries import Tries
from forget.scheduler.units import Stage, Unit

__all__ = ["Load", "check_fit", "largest", "loads", "size_of"]

_FULL = 0.8
"""How much of a job's time limit is planned for work."""

_SPARE = 2.0
"""How much longer than measured a job may take; a short limit finds a gap sooner."""

_LEAST_MIN = 10
"""Shortest time limit that is made of a measurement [min]."""

_SHORT: frozenset[Stage] = frozenset({"prepare", "evaluate"})
"""Of what several go into a job though nothing was measured: stopped, they go on."""


@attrs.frozen
class Load:
    """What one job does.

    Attributes:
        stage: The stage of all its units.
        commands: The units of each command, which are of one run.
        size: What the job asks for.
    """

    stage: Stage
    commands: Sequence[Sequence[Unit]]
    size: JobSize


def size_of(unit: Unit, cluster: Cluster, costs: Costs) -> JobSize:
    """Return what a job of a unit gets the first time: what its like was seen to need, with room.

    What was seen counts where it is less than the cluster's jobs get, or more than they have room
    for. Of several processes only the largest was seen.
    """
    gpus = gpus_of(unit, on_gpu=cluster.gpus_per_job > 0)
    size = job_size(cluster, unit.stage, gpus=gpus)
    peak_gb = costs.memory_gb_of(unit) if gpus <= 1 else None
    if peak_gb is None:
        return size
    tight, roomy = (math.ceil(gb * 1e9 / 2**20) for gb in (peak_gb * 1.25, peak_gb * 1.5 + 1))
    return attrs.evolve(size, memory_mb=max(tight, min(size.memory_mb, roomy)))


def check_fit(
    units: Sequence[Unit], cluster: Cluster, name: str, partitions: Sequence[Partition]
) -> None:
    """Find out whether every kind of job of a study could run on a cluster, as it is described.

    Raises:
        RequestError: One could not: the message has the numbers.
    """
    left = [unit for unit in units if unit.state != "done"]
    kinds = {(unit.stage, size_of(unit, cluster, Costs({}))) for unit in left}
    for stage, size in sorted(kinds, key=str):
        check_fits(cluster, name, stage, size, partitions)


def largest(cluster: Cluster, stage: Stage, partitions: Sequence[Partition]) -> JobSize:
    """Return the most that a job of a stage can have."""
    size = job_size(cluster, stage)
    memory = max((p.memory_mb for p in possible(size, partitions)), default=size.memory_mb)
    if cluster.memory_cap_gb is not None and not cluster.lanes:
        caretakers = 2 * caretaker_size(cluster).memory_mb
        memory = min(memory, int(cluster.memory_cap_gb * 1024) - caretakers)
    return attrs.evolve(size, memory_mb=max(size.memory_mb, memory))


def loads(
    ready: Sequence[Unit],
    cluster: Cluster,
    costs: Costs,
    tries: Mapping[str, Tries],
    partitions: Sequence[Partition] = (),
) -> Iterator[Load]:
    """Divide units among jobs: as many jobs as fit the budget at once, none too long.

    What is waited for most comes first. What has failed before gets a job of its own, and comes
    last, so that it holds up no other.
    """
    memory: dict[tuple[str, ...], float] = {}
    for name, tried in tries.items():
        memory[_alike(name)] = max(tried.memory, memory.get(_alike(name), 1.0))

    def kind(unit: Unit) -> tuple[Stage, JobSize]:
        factor = memory.get(_alike(unit.name), 1.0)
        most = largest(cluster, unit.stage, partitions)
        return unit.stage, size_of(unit, cluster, costs).grown(factor, 1.0).within(most)

    def place(unit: Unit) -> tuple[int, str]:
        stage, size = kind(unit)
        return get_args(Stage).index(stage), str(size)

    failed = [unit for unit in ready if _failed(tries.get(unit.name))]
    others = sorted((unit for unit in ready if unit not in failed), key=place)
    for (stage, size), group in groupby(others, key=kind):
        units = list(group)
        count = -(-len(units) // most_at_once(cluster, size, len(units)))
        limit_s = math.inf if size.time_min is None else size.time_min * 60 * _FULL
        for part in _parts(units, count, limit_s, costs):
            yield _load(part, stage, size, costs, tries)
    for unit in failed:
        yield _load([unit], *kind(unit), costs, tries)


def _alike(name: str) -> tuple[str, ...]:
    """Return what units have in common that take as much memory: stage, base model, method."""
    _, model, _, method, *rest = name.split("/")
    return (model, method, *rest[1:2])


def _failed(tries: Tries | None) -> bool:
    return tries is not None and any(how in tries.counts for how in ("failed", "done", "memory"))


def _parts(units: Sequence[Unit], count: int, limit_s: float, costs: Costs) -> Iterator[list[Unit]]:
    """Yield up to `count` units at a time that take less than the limit together."""
    part: list[Unit] = []
    taken = 0.0
    for unit in units:
        known = costs.of(unit)
        cost = known if known is not None else 0.0 if unit.stage in _SHORT else math.inf
        together = taken + cost
        if part and (len(part) >= count or together > limit_s or math.isinf(together)):
            yield part
            part, taken = [], 0.0
        part.append(unit)
        taken += cost
    if part:
        yield part


def _load(
    units: Sequence[Unit],
    stage: Stage,
    size: JobSize,
    costs: Costs,
    tries: Mapping[str, Tries],
) -> Load:
    commands = [list(group) for _, group in groupby(units, key=lambda u: u.run.folder.path)]
    seconds = [costs.of(unit) for unit in units]
    known = [found for found in seconds if found is not None]
    if size.time_min is not None and len(known) == len(units):
        factor = max((tries[u.name].time for u in units if u.name in tries), default=1.0)
        wanted = max(_LEAST_MIN, math.ceil(sum(known) * _SPARE / 60)) * factor
        size = attrs.evolve(size, time_min=min(size.time_min, math.ceil(wanted)))
    return Load(stage, commands, size)
