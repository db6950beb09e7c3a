"""How units are divided among jobs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.cluster import Cluster
from forget.errors import RequestError
from forget.scheduler.costs import Costs, like
from forget.scheduler.slurm.client import Partition
from forget.scheduler.slurm.ends import End, How
from forget.scheduler.slurm.loads import Load, check_fit, largest, loads, size_of
from forget.scheduler.slurm.tries import Tries
from forget.scheduler.units import Stage, Unit

NODES = [Partition("gpu", 960, 65536, 16, 4), Partition("cpu", None, 131072, 64, 0)]


def run(seed: int = 0, *, processes: int = 1, teacher: Any = None) -> Any:
    named = SimpleNamespace(record=SimpleNamespace(name="x"))
    return SimpleNamespace(
        model=SimpleNamespace(name="m"),
        dataset=named,
        method=named,
        seed=seed,
        folder=SimpleNamespace(path=Path(f"seed-{seed}")),
        settings=SimpleNamespace(
            max_steps=10, batch_size=4, lora_rank=0, num_processes=processes
        ),
        exams=(),
        teacher=teacher,
    )  # fmt: skip


def unit(stage: Stage, number: int = 0, of: Any = None, **fields: Any) -> Unit:
    name = f"study/m/x/x/seed-{number}/{stage}"
    return Unit(name=name, stage=stage, run=of or run(number), state="ready", **fields)


def cluster(**keys: Any) -> Cluster:
    usual = {"memory_gb": 4.0, "time_limit_min": 100, "partition": "gpu", "gpus_per_job": 1}
    return Cluster(summary="x", scheduler="slurm", **{**usual, **keys})


def costs(**seconds: float) -> Costs:
    stages: dict[str, Stage] = {"train": "train", "evaluate": "evaluate", "prepare": "prepare"}
    kinds = {name: (stages[name], like(run(), stages[name])["amount"], "m") for name in seconds}
    return Costs({kinds[name]: value for name, value in seconds.items()})


def divided(
    units: Sequence[Unit], site: Cluster, known: Costs, tries: dict[str, Tries] | None = None
) -> list[Load]:
    return list(loads(units, site, known, tries or {}, NODES))


def counts(found: Sequence[Load]) -> list[tuple[Stage, int]]:
    return [(load.stage, sum(map(len, load.commands))) for load in found]


TRAININGS = [unit("train", number) for number in range(6)]
EVALUATIONS = [unit("evaluate", number, expected=2) for number in range(6)]


def test_as_many_jobs_as_the_cap_allows_at_once() -> None:
    """Of 4 GB beside two caretakers of one: two."""
    found = divided(TRAININGS, cluster(memory_cap_gb=10.0), costs(train=60.0))
    assert counts(found) == [("train", 3), ("train", 3)]
    assert [unit.run.seed for command in found[0].commands for unit in command] == [0, 1, 2]


def test_without_a_cap_each_has_a_job() -> None:
    assert counts(divided(EVALUATIONS, cluster(), costs(evaluate=60.0))) == [("evaluate", 1)] * 6


def test_none_longer_than_its_time_limit() -> None:
    """Four fifths of 100 minutes are planned for: two of 35 minutes."""
    found = divided(TRAININGS, cluster(job_cap=3), costs(train=35 * 60.0))
    assert counts(found) == [("train", 2)] * 3
    too_long = divided(TRAININGS, cluster(job_cap=3), costs(train=200 * 60.0))
    assert counts(too_long) == [("train", 1)] * 6  # it goes on in the next job


@pytest.mark.parametrize("limit", [100, None])
def test_what_nobody_knows_is_alone_unless_it_is_short(limit: int | None) -> None:
    site = cluster(job_cap=3, time_limit_min=limit)
    assert counts(divided(TRAININGS, site, costs())) == [("train", 1)] * 6
    assert counts(divided(EVALUATIONS, site, costs())) == [("evaluate", 6)]


def test_time_limits_are_twice_what_is_expected() -> None:
    site, known = cluster(job_cap=3), costs(train=20 * 60.0, evaluate=30.0)
    assert [load.size.time_min for load in divided(TRAININGS[:2], site, known)] == [80]
    [short] = divided(EVALUATIONS[:1], site, known)  # two models of half a minute
    assert short.size.time_min == 10
    [unknown] = divided(TRAININGS[:1], site, costs())
    assert unknown.size.time_min == 100
    [unlimited] = divided(TRAININGS[:1], cluster(time_limit_min=None), known)
    assert unlimited.size.time_min is None


def test_units_of_a_run_are_one_command() -> None:
    shared = run(7)
    units = [unit("evaluate", number, shared, expected=1) for number in (0, 1)]
    other = unit("evaluate", 8, expected=1)
    [load] = divided([*units, other], cluster(job_cap=3), costs(evaluate=1.0))
    assert [len(command) for command in load.commands] == [2, 1]


def test_kinds_are_not_mixed_and_those_come_first_that_are_waited_for() -> None:
    mixed = [EVALUATIONS[0], TRAININGS[0], unit("prepare", 1), TRAININGS[1]]
    site = cluster(job_cap=3)
    found = divided(mixed, site, costs(train=60.0, evaluate=1.0, prepare=1.0))
    assert counts(found) == [("prepare", 1), ("train", 2), ("evaluate", 1)]
    assert [load.size.gpus for load in found] == [0, 1, 1]


def failed(how: How, *, progress: bool = False) -> dict[str, Tries]:
    return {TRAININGS[0].name: Tries().after(End(how, ""), progress=progress)}


@pytest.mark.parametrize("how", ["failed", "done"])
def test_what_failed_is_alone_and_last(how: How) -> None:
    mixed = [*TRAININGS[:3], EVALUATIONS[0]]
    found = divided(mixed, cluster(job_cap=3), costs(train=60.0, evaluate=1.0), failed(how))
    assert counts(found) == [("train", 2), ("evaluate", 1), ("train", 1)]
    assert found[-1].commands[0][0] is TRAININGS[0]


@pytest.mark.parametrize("how", ["node", "preempted", "cancelled", "timeout", "busy", "lost"])
def test_what_others_ended_is_not_set_apart(how: How) -> None:
    found = divided(TRAININGS[:3], cluster(job_cap=3), costs(train=60.0), failed(how))
    assert counts(found) == [("train", 3)]


def test_memory_is_doubled_within_the_largest() -> None:
    grown, sizes = Tries(), []
    for _ in range(6):
        grown = grown.after(End("memory", ""), progress=False)
        found = divided(TRAININGS[:1], cluster(), costs(), {TRAININGS[0].name: grown})
        sizes.append(found[0].size.memory_mb)
    assert sizes == [8192, 16384, 32768, 65536, 65536, 65536]


def test_time_is_doubled_within_the_limit() -> None:
    tries = failed("timeout")[TRAININGS[0].name]
    longer = {TRAININGS[0].name: tries.after(End("timeout", ""), progress=False)}
    known = costs(train=10 * 60.0)
    assert divided(TRAININGS[:1], cluster(), known, failed("timeout"))[0].size.time_min == 40
    assert divided(TRAININGS[:1], cluster(), known, longer)[0].size.time_min == 80
    site = cluster(time_limit_min=50)
    assert divided(TRAININGS[:1], site, known, longer)[0].size.time_min == 50


def test_the_largest_is_of_the_nodes_or_of_the_cap() -> None:
    assert largest(cluster(), "train", NODES).memory_mb == 65536
    assert largest(cluster(partition=None), "train", NODES).memory_mb == 65536  # the default one
    assert largest(cluster(partition="gpu,cpu"), "train", NODES).memory_mb == 131072
    assert largest(cluster(memory_cap_gb=10.0), "train", NODES).memory_mb == 8192
    assert largest(cluster(memory_cap_gb=10.0, lanes=1), "train", NODES).memory_mb == 65536
    assert largest(cluster(memory_cap_gb=5.0), "train", NODES).memory_mb == 4096
    assert largest(cluster(), "train", []).memory_mb == 4096


def test_gpus_are_what_a_unit_needs() -> None:
    vllm = SimpleNamespace(settings=SimpleNamespace(tensor_parallel_size=4), model="large")
    server = SimpleNamespace(settings=SimpleNamespace(), model=None)
    assert size_of(unit("generate", of=run(teacher=server)), cluster(), Costs({})).gpus == 0
    assert size_of(unit("train", of=run(processes=3)), cluster(), Costs({})).gpus == 3
    assert size_of(unit("generate", of=run(teacher=vllm)), cluster(), Costs({})).gpus == 4
    assert size_of(unit("evaluate"), cluster(gpus_per_job=2), Costs({})).gpus == 2
    assert size_of(unit("train", of=run(processes=3)), cluster(gpus_per_job=0), Costs({})).gpus == 0


@pytest.mark.parametrize(
    ("peak_gb", "memory_mb"),
    [
        (1.0, 2385),  # half as much again and a gigabyte: less than the 4 GiB of a job
        (3.0, 4096),
        (4.0, 4769),  # it did not fit; a quarter more
    ],
)
def test_memory_is_what_was_seen_with_room(peak_gb: float, memory_mb: int) -> None:
    of = run(processes=1)
    key = ("train", like(of, "train")["amount"], "m")
    seen = Costs({}, {key: peak_gb})
    assert size_of(unit("train", of=of), cluster(), seen).memory_mb == memory_mb
    several = run(processes=2)
    assert size_of(unit("train", of=several), cluster(), seen).memory_mb == 4096


def test_every_kind_of_job_is_checked_before_the_first() -> None:
    large = unit("train", of=run(processes=5))
    with pytest.raises(RequestError, match=r"'train'.*asks for 5 GPUs"):
        check_fit([unit("prepare"), large], cluster(), "mine", NODES)
    done = Unit(name=large.name, stage="train", run=large.run, state="done")
    check_fit([unit("prepare"), done], cluster(), "mine", NODES)
