"""What jobs ask for, what they may have together, and what can never run."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

import attrs

from forget.cluster import Cluster, JobShape
from forget.errors import RequestError
from forget.scheduler.slurm.client import Listed, Partition
from forget.scheduler.units import Stage

__all__ = [
    "Budget",
    "JobSize",
    "caretaker_size",
    "check_fits",
    "job_size",
    "most_at_once",
    "possible",
]

T = TypeVar("T")

_CARETAKER_MIN = 10
"""Time limit of a caretaker [min]; it takes seconds."""


@attrs.frozen
class JobSize:
    """What one job asks for.

    Attributes:
        memory_mb: Memory [MiB].
        cpus: Processors.
        gpus: GPUs.
        time_min: Time limit [min]; None for the partition's own.
        partition: Where it runs; None for the site's default.
    """

    memory_mb: int
    cpus: int = 1
    gpus: int = 0
    time_min: int | None = None
    partition: str | None = None

    def grown(self, memory: float, time: float) -> JobSize:
        """Return a size of so many times the memory and the time."""
        longer = None if self.time_min is None else math.ceil(self.time_min * time)
        return attrs.evolve(self, memory_mb=math.ceil(self.memory_mb * memory), time_min=longer)

    def within(self, most: JobSize) -> JobSize:
        """Return this size, not above another one."""
        times = [limit for limit in (self.time_min, most.time_min) if limit is not None]
        return attrs.evolve(
            self, memory_mb=min(self.memory_mb, most.memory_mb), time_min=min(times, default=None)
        )


def job_size(cluster: Cluster, stage: Stage, *, gpus: int | None = None) -> JobSize:
    """Return what a job of a stage gets.

    Args:
        cluster: Where.
        stage: What it does.
        gpus: GPUs that it needs: several of several processes or a large teacher, none of a teacher
            that is a server; None for as many as the cluster's jobs have.
    """
    shape = cluster.stages.get(stage, JobShape())
    none = stage == "prepare" or gpus == 0
    usual = _first(shape.gpus_per_job, 0 if none else cluster.gpus_per_job)
    return JobSize(
        memory_mb=math.ceil(_first(shape.memory_gb, cluster.memory_gb) * 1024),
        cpus=_first(shape.cpus_per_job, cluster.cpus_per_job),
        gpus=max(usual, gpus or 0) if usual else 0,
        time_min=_first(shape.time_limit_min, cluster.time_limit_min),
        partition=_first(shape.partition, cluster.partition),
    )


def caretaker_size(cluster: Cluster) -> JobSize:
    """Return what the small job gets that looks after the others."""
    limit = cluster.time_limit_min
    return JobSize(
        memory_mb=math.ceil(cluster.caretaker_memory_gb * 1024),
        time_min=_CARETAKER_MIN if limit is None else min(_CARETAKER_MIN, limit),
        partition=_first(cluster.caretaker_partition, cluster.partition),
    )


def _first(value: T | None, otherwise: T) -> T:
    return otherwise if value is None else value


@attrs.define
class Budget:
    """What is left of the caps over all running and pending jobs of the user.

    Attributes:
        cluster: Whose caps.
        used: What is asked for already: memory [MiB], processors, GPUs, jobs.
    """

    cluster: Cluster
    used: tuple[int, int, int, int] = (0, 0, 0, 0)

    @classmethod
    def of(cls, cluster: Cluster, jobs: Iterable[Listed]) -> Budget:
        """Count the jobs that have not ended, whoever of the user's programs submitted them."""
        budget = cls(cluster)
        for job in jobs:
            if not job.ended:
                budget._count((job.memory_mb, job.cpus, job.gpus, 1))
        return budget

    def allows(self, *sizes: JobSize) -> bool:
        """Say whether jobs of some sizes can be submitted besides what is there.

        Where lanes divide the work, nothing is held back.
        """
        return bool(self.cluster.lanes) or next(self.over(*sizes), None) is None

    def over(self, *sizes: JobSize) -> Iterator[str]:
        """Yield each cap that jobs of some sizes would exceed, with the numbers."""
        cluster = self.cluster
        if cluster.lanes:  # what waits in a lane is over the budget, and is to be
            return
        memory = None if cluster.memory_cap_gb is None else cluster.memory_cap_gb * 1024
        caps = (memory, cluster.cpu_cap, cluster.gpu_cap, cluster.job_cap)
        wanted = _sum([*map(_counts, sizes), self.used])
        texts = ("{:,.0f} MiB of memory", "{:,.0f} processors", "{:,.0f} GPUs", "{:,.0f} jobs")
        for total, cap, text in zip(wanted, caps, texts, strict=True):
            if cap is not None and total > cap:
                yield f"{text.format(total)} would be asked for, and the cap is {cap:,.0f}"

    def take(self, size: JobSize) -> None:
        """Count a job that was submitted."""
        self._count(_counts(size))

    def give_back(self, size: JobSize) -> None:
        """Count a job no more that was cancelled before it started."""
        memory, cpus, gpus, jobs = (-count for count in _counts(size))
        self._count((memory, cpus, gpus, jobs))

    def _count(self, counts: tuple[int, int, int, int]) -> None:
        self.used = _sum([self.used, counts])


def _counts(size: JobSize) -> tuple[int, int, int, int]:
    return size.memory_mb, size.cpus, size.gpus, 1


def _sum(counts: Sequence[tuple[int, int, int, int]]) -> tuple[int, int, int, int]:
    memory, cpus, gpus, jobs = (sum(column) for column in zip(*counts, strict=True))
    return memory, cpus, gpus, jobs


def most_at_once(cluster: Cluster, size: JobSize, otherwise: int) -> int:
    """Return how many jobs of a size the caps allow at once beside two caretakers, at least one."""
    if cluster.lanes:
        return cluster.lanes
    caretaker = caretaker_size(cluster)
    budget, count = Budget(cluster), 0
    while count < otherwise and budget.allows(size, caretaker, caretaker):
        budget.take(size)
        count += 1
    return max(1, count)


def check_fits(
    cluster: Cluster, name: str, stage: Stage, size: JobSize, partitions: Sequence[Partition]
) -> None:
    """Find out whether a job could ever run.

    Args:
        cluster: Where.
        name: What the cluster is called, for the message.
        stage: What the job does, for the message.
        size: What it asks for.
        partitions: What the site has; of a partition it does not name, the first.

    Raises:
        RequestError: It could not: the message has the numbers.
    """
    # The caps first: a job and the caretaker that waits for its end must fit together.
    caretaker = caretaker_size(cluster)
    problems = list(Budget(cluster).over(size, caretaker))
    problems += dict.fromkeys([*_nowhere(size, partitions), *_nowhere(caretaker, partitions)])
    if problems:
        time = "" if size.time_min is None else f", {size.time_min:,} min"
        raise RequestError(
            f"A job of the stage {stage!r} can never run on the cluster {name!r}: "
            f"{'; '.join(problems)}. It asks for {size.memory_mb:,} MiB of memory, {size.cpus} "
            f"processors, {size.gpus} GPUs{time}, and a caretaker waits beside it. Change "
            f"[clusters.{name}] of the registry, or [clusters.{name}.stages.{stage}]."
        )


def _nowhere(size: JobSize, partitions: Sequence[Partition]) -> Iterator[str]:
    """Yield why a job can run in none of the partitions it may run in."""
    found = possible(size, partitions)
    if not found:
        known = ", ".join(partition.name for partition in partitions) or "none"
        named = "default partition" if size.partition is None else f"partition {size.partition!r}"
        yield f"there is no {named}; the site has {known}"
    elif all(list(_too_large(size, partition)) for partition in found):
        yield from _too_large(size, found[0])


def possible(size: JobSize, partitions: Sequence[Partition]) -> list[Partition]:
    """Return the partitions a job of a size may run in; of those it does not name, the default."""
    if size.partition is None:
        return list(partitions[:1])
    return [found for found in partitions if found.name in size.partition.split(",")]


def _too_large(size: JobSize, partition: Partition) -> Iterator[str]:
    for wanted, most, what in (
        (size.memory_mb, partition.memory_mb, "MiB of memory"),
        (size.cpus, partition.cpus, "processors"),
        (size.gpus, partition.gpus, "GPUs"),
        (size.time_min or 0, partition.time_min, "minutes"),
    ):
        if most is not None and wanted > most:
            yield (
                f"it asks for {wanted:,} {what}, and a node of partition {partition.name!r} "
                f"gives {most:,}"
            )
