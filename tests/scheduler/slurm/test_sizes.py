"""What jobs ask for, and the caps over all that is running and pending."""

from __future__ import annotations

from typing import Any

import pytest

from forget.cluster import Cluster, JobShape
from forget.errors import RequestError
from forget.scheduler.slurm.client import Listed, Partition
from forget.scheduler.slurm.sizes import (
    Budget,
    JobSize,
    caretaker_size,
    check_fits,
    job_size,
    most_at_once,
)

PARTITIONS = [
    Partition("gpu", 960, 65536, 16, 2),
    Partition("cpu", None, 131072, 64, 0),
]


def cluster(**keys: Any) -> Cluster:
    return Cluster(summary="x", scheduler="slurm", **keys)


def test_what_a_job_asks_for() -> None:
    site = cluster(
        memory_gb=1.5, cpus_per_job=2, gpus_per_job=1, time_limit_min=90, partition="gpu",
        stages={"prepare": JobShape(partition="cpu", memory_gb=0.25, time_limit_min=5)},
    )  # fmt: skip
    assert job_size(site, "train") == JobSize(1536, 2, 1, 90, "gpu")
    assert job_size(site, "train", gpus=4).gpus == 4
    assert job_size(site, "prepare") == JobSize(256, 2, 0, 5, "cpu")
    assert job_size(site, "prepare", gpus=4).gpus == 0  # there are none for it
    assert caretaker_size(site) == JobSize(1024, 1, 0, 10, "gpu")
    assert caretaker_size(cluster(time_limit_min=3, caretaker_partition="x")).time_min == 3


def test_a_size_grows_within_another() -> None:
    size = JobSize(1000, time_min=30)
    assert size.grown(2.0, 1.5) == JobSize(2000, time_min=45)
    assert size.grown(4.0, 4.0).within(JobSize(3000, time_min=60)) == JobSize(3000, time_min=60)
    assert JobSize(1000).grown(2.0, 2.0).within(JobSize(3000)).time_min is None
    assert JobSize(1000).within(JobSize(3000, time_min=60)).time_min == 60


@pytest.mark.parametrize(
    ("keys", "cap"),
    [
        ({"memory_cap_gb": 4.0}, "4,608 MiB of memory would be asked for, and the cap is 4,096"),
        ({"cpu_cap": 5}, "6 processors would be asked for, and the cap is 5"),
        ({"gpu_cap": 2}, "3 GPUs would be asked for, and the cap is 2"),
        ({"job_cap": 2}, "3 jobs would be asked for, and the cap is 2"),
    ],
)
def test_each_cap_by_itself(keys: dict[str, Any], cap: str) -> None:
    """Running and pending jobs count, whoever submitted them, and those that have ended do not."""
    queue = [
        Listed("1", "mine", "RUNNING", "", 2048, 2, 1),
        Listed("2", "of another program", "PENDING", "", 1536, 2, 1),
        Listed("3", "over", "COMPLETED", "", 9999, 99, 9),
    ]
    size = JobSize(1024, 2, 1)
    budget = Budget.of(cluster(**keys), queue)
    assert list(budget.over(size)) == [cap]
    assert not budget.allows(size)
    assert Budget.of(cluster(**keys), queue[:1]).allows(size)
    assert Budget.of(cluster(), queue).allows(size)


def test_a_cap_may_be_filled_to_the_last_byte() -> None:
    budget = Budget(cluster(memory_cap_gb=2.0))
    half = JobSize(1024)
    assert budget.allows(half, half)
    budget.take(half)
    assert not budget.allows(half, half)
    budget.take(half)
    assert not budget.allows(JobSize(1))
    budget.give_back(half)
    assert budget.allows(half)


def test_one_that_is_completing_still_holds_what_it_had() -> None:
    budget = Budget.of(cluster(job_cap=1), [Listed("1", "x", "COMPLETING", "", 1, 1)])
    assert not budget.allows(JobSize(1))


def test_lanes_hold_nothing_back() -> None:
    full = Budget(cluster(lanes=2, job_cap=1), used=(0, 0, 0, 1))
    assert full.allows(JobSize(10**6))


@pytest.mark.parametrize(
    ("keys", "count"),
    [
        ({}, 7),
        ({"memory_cap_gb": 96.0}, 2),  # of 40 GB, beside two caretakers
        ({"memory_cap_gb": 10.0}, 1),  # never none
        ({"job_cap": 6}, 4),
        ({"gpu_cap": 3}, 3),
        ({"cpu_cap": 14}, 3),
        ({"lanes": 3, "job_cap": 1}, 3),
    ],
)
def test_how_many_at_once(keys: dict[str, Any], count: int) -> None:
    assert most_at_once(cluster(**keys), JobSize(40960, 4, 1), 7) == count


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"memory_gb": 100.0}, "102,400 MiB of memory, and a node of partition 'gpu' gives 65,536"),
        ({"cpus_per_job": 17}, "17 processors, and a node of partition 'gpu' gives 16"),
        ({"gpus_per_job": 3}, "3 GPUs, and a node of partition 'gpu' gives 2"),
        ({"time_limit_min": 961}, "961 minutes, and a node of partition 'gpu' gives 960"),
        ({"partition": "gpus"}, "there is no partition 'gpus'; the site has gpu, cpu"),
        ({"caretaker_partition": "x"}, "there is no partition 'x'; the site has gpu, cpu"),
        ({"caretaker_memory_gb": 65.0}, "66,560 MiB of memory, and a node of partition 'gpu'"),
        ({"memory_cap_gb": 16.5}, "17,408 MiB of memory would be asked for, and the cap is 16,896"),
        ({"job_cap": 1}, "2 jobs would be asked for, and the cap is 1"),
        ({"gpus_per_job": 2, "gpu_cap": 1}, "2 GPUs would be asked for, and the cap is 1"),
        ({"cpu_cap": 4}, "5 processors would be asked for, and the cap is 4"),
    ],
)
def test_what_can_never_run_is_refused_with_the_numbers(keys: dict[str, Any], said: str) -> None:
    site = cluster(**keys)
    with pytest.raises(RequestError, match=r"^A job of the stage 'train' can never run") as caught:
        check_fits(site, "mine", "train", job_size(site, "train"), PARTITIONS)
    assert said in str(caught.value)
    assert "[clusters.mine.stages.train]" in str(caught.value)


def test_of_several_partitions_one_is_enough() -> None:
    site = cluster(partition="gpu,cpu", memory_gb=100.0, time_limit_min=2000)
    check_fits(site, "mine", "train", job_size(site, "train"), PARTITIONS)


def test_a_site_without_partitions() -> None:
    with pytest.raises(RequestError, match="no default partition; the site has none"):
        check_fits(cluster(), "mine", "train", JobSize(1), [])
