"""A cluster as the registry describes it: what a site wants to see in a job, and its limits."""

from __future__ import annotations

from typing import Literal

import attrs

from forget.hint import Hint

__all__ = ["Cluster", "JobShape"]


@attrs.frozen(kw_only=True)
class JobShape:
    """What the jobs of one stage get, where that differs from the cluster's other jobs.

    Attributes:
        partition: Where they run.
        memory_gb: Memory of a job [GiB].
        cpus_per_job: Processors of a job.
        gpus_per_job: GPUs of a job.
        time_limit_min: Longest time limit [min].
    """

    partition: str | None = None
    memory_gb: float | None = None
    cpus_per_job: int | None = None
    gpus_per_job: int | None = None
    time_limit_min: int | None = None


@attrs.frozen(kw_only=True)
class Cluster:
    """Where units run: scheduler, what a job gets, and the budget over all jobs of the user.

    Attributes:
        summary: One line.
        scheduler: What takes jobs.
        partition: Where jobs run; the site's default if None.
        account: What is charged.
        qos: Quality of service.
        constraint: Features that nodes must have.
        gres: How the site calls GPUs, with ``{count}`` for their number.
        options: More options of `sbatch`, as they are.
        memory_gb: Memory of a job [GiB].
        cpus_per_job: Processors of a job.
        gpus_per_job: GPUs of a job.
        time_limit_min: Longest time limit of a job [min].
        stages: What jobs of a stage (prepare, generate, train, evaluate) get instead.
        memory_cap_gb: Most memory of all jobs of the user, running and pending [GiB].
        cpu_cap: Most processors of all of them.
        gpu_cap: Most GPUs of all of them.
        job_cap: Most jobs, running and pending.
        lanes: Submit everything that is ready, in so many chains of jobs that wait for each other,
            instead of holding back what is over the budget.
        modules: What `module load` loads in a job.
        setup: Lines of shell before the work, a virtual environment for example.
        container: Command that runs another one in a container, in words.
        scratch: Folder of temporary files in a job; shell variables are replaced on the node.
        environment: Variables of every job.
        offline: Whether nodes have no network; libraries are told so.
        caretaker_memory_gb: Memory of the small job that looks after the others [GiB].
        caretaker_partition: Where it runs, if elsewhere.
        look_every_min: How often a job at work sees to it that a caretaker waits [min].
        hints: What units take there before any was measured, later ones winning.
    """

    summary: str
    scheduler: Literal["local", "slurm"]
    partition: str | None = None
    account: str | None = None
    qos: str | None = None
    constraint: str | None = None
    gres: str = "gpu:{count}"
    options: tuple[str, ...] = ()
    memory_gb: float = 16.0
    cpus_per_job: int = 4
    gpus_per_job: int = 0
    time_limit_min: int | None = None
    stages: dict[str, JobShape] = attrs.field(factory=dict)
    memory_cap_gb: float | None = None
    cpu_cap: int | None = None
    gpu_cap: int | None = None
    job_cap: int | None = None
    lanes: int = 0
    modules: tuple[str, ...] = ()
    setup: tuple[str, ...] = ()
    container: tuple[str, ...] = ()
    scratch: str | None = None
    environment: dict[str, str] = attrs.field(factory=dict)
    offline: bool = True
    caretaker_memory_gb: float = 1.0
    caretaker_partition: str | None = None
    look_every_min: float = 10.0
    hints: tuple[Hint, ...] = ()
