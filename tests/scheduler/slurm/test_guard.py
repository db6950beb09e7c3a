"""What a job does before it works."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.errors import BusyError
from forget.scheduler.slurm import guard as guards
from forget.scheduler.slurm.caretaker import write_cluster
from forget.scheduler.slurm.client import SlurmError
from forget.scheduler.slurm.guard import alone, guard
from forget.scheduler.slurm.ledger import Ledger, SlurmJob
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.script import NOT_WANTED
from forget.scheduler.slurm.sizes import JobSize
from forget.store.lock import exclusive
from scheduler.slurm.fake_commands import FakeCommands
from scheduler.slurm.stub_study import StubStudy

NAME = "forget-x-0001-train"


@pytest.fixture
def place(tmp_path: Path, commands: FakeCommands, monkeypatch: pytest.MonkeyPatch) -> Place:
    """The place of a job that this process is taken for."""
    monkeypatch.setenv("SLURM_JOB_ID", "7")
    commands.answer("squeue", f"7|RUNNING|None|cpu=1,mem=1G|N/A|1|{NAME}|\n")
    commands.answer("sbatch", "8")
    study = StubStudy(tmp_path / "study")
    write_cluster(study.place, study.session.catalogue.cluster("ci")[1])
    job = SlurmJob(name=NAME, stage="train", commands=(("x",),), size=JobSize(1024))
    Ledger.to_write(study.place.ledger).intend(job)
    return study.place


def test_it_has_a_caretaker_wait_for_its_end(place: Place, commands: FakeCommands) -> None:
    assert guard(place, NAME) == 0
    told, deputy = commands.heard("sbatch")
    assert "--dependency=afterany:7 " in told
    assert "--dependency=afterany:8 " in deputy
    assert b"--caretaker" in commands.script


def test_one_that_waits_is_enough_with_its_deputy(place: Place, commands: FakeCommands) -> None:
    line = "{}|PENDING|Dependency|cpu=1,mem=128M|N/A|1|{}-care-3|\n"
    commands.answer("squeue", "".join(line.format(job, place.prefix) for job in (8, 9)))
    assert guard(place, NAME) == 0
    assert commands.heard("sbatch") == []


def test_one_that_is_not_known_is_not_to_work(place: Place, commands: FakeCommands) -> None:
    assert guard(place, f"{NAME}-x") == NOT_WANTED
    assert commands.heard("squeue") == []


def test_a_pass_on_its_way_does_the_same(place: Place, commands: FakeCommands) -> None:
    with exclusive(place.lock):
        assert guard(place, NAME) == 0
    assert commands.heard("sbatch") == []


def test_slurm_may_not_answer(place: Place, commands: FakeCommands) -> None:
    commands.answer("squeue", error="Unable to contact slurm controller", status=1)
    with pytest.raises(SlurmError, match="Unable to contact"):
        guard(place, NAME)


@pytest.mark.slow
def test_one_pass_at_a_time(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guards, "_LOCK_WAIT_S", 0.3)
    with exclusive(place.lock), pytest.raises(BusyError, match="is in use"), alone(place):
        pass
    with alone(place):
        pass
