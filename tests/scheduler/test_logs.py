"""Which log a name stands for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from forget.cluster import Cluster
from forget.errors import DataError, UnknownNameError
from forget.scheduler.logs import find_log
from forget.scheduler.slurm.caretaker import write_cluster
from forget.scheduler.slurm.ledger import Ledger, SlurmJob
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.sizes import JobSize
from forget.store.layout import Workspace

RUN = "small/ant/sums/gt-sft/seed-0"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """An output folder with a local log, a job with a log, and a job without."""
    made = Workspace(tmp_path)
    for stem in (
        "train",
        "evaluate-base",
        "evaluate-step-000100",
        "evaluate-step-000100 wise 0.50",
    ):
        log = tmp_path / "runs" / RUN / "work" / f"{stem}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(stem)
    place = Place(made, "mine")
    write_cluster(place, Cluster(summary="x", scheduler="slurm"))
    ledger = Ledger.to_write(place.ledger)
    for number, unit in ((1, "train"), (2, "prepare")):
        name = f"forget-x-{number}"
        commands = ((f"{RUN}/{unit}",),)
        ledger.intend(SlurmJob(name=name, stage="train", commands=commands, size=JobSize(1)))
        ledger.submitted(name, f"1{number}")
    log = place.job("forget-x-1") / "log"
    log.parent.mkdir(parents=True)
    log.write_text("by a job")
    return made


@pytest.mark.parametrize(
    ("what", "text"),
    [
        ("small/ant/sums/base", "evaluate-base"),
        (f"{RUN}/evaluate/step-000100", "evaluate-step-000100"),
        (f"{RUN}/evaluate/step-000100-wise-0.50", "evaluate-step-000100 wise 0.50"),
        ("forget-x-1", "by a job"),
        ("11", "by a job"),
    ],
)
def test_by_unit_job_or_number(workspace: Workspace, what: str, text: str) -> None:
    assert find_log(workspace, what).read_text() == text


def test_of_several_the_one_that_was_written_to_last(workspace: Workspace) -> None:
    local = find_log(workspace, f"{RUN}/train").parents[0]
    local = workspace.root / "runs" / RUN / "work" / "train.log"
    job = find_log(workspace, "11")
    for first, last in ((job, local), (local, job)):
        os.utime(first, (1, 1))
        os.utime(last, (2, 2))
        assert find_log(workspace, f"{RUN}/train") == last


def test_one_that_has_not_written_yet(workspace: Workspace) -> None:
    with pytest.raises(DataError, match=r"12 has not written anything yet; its log will be"):
        find_log(workspace, "12")


def test_nothing_of_that_name(workspace: Workspace) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean") as caught:
        find_log(workspace, f"{RUN}/trian")
    assert f"'{RUN}/train'" in str(caught.value)
    with pytest.raises(UnknownNameError):
        find_log(workspace, "")


def test_what_a_teacher_wrote_is_the_preparation(workspace: Workspace) -> None:
    taught = "small/ant/sums/sf-sft/seed-0"
    log = workspace.root / "runs" / taught / "work" / "generate.log"
    log.parent.mkdir(parents=True)
    log.write_text("")
    assert find_log(workspace, f"{taught}/prepare") == log
