"""Jobs of a cluster as a tracker shows them, from the ledger and one call of squeue."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.cluster import Cluster
from forget.scheduler.jobs import jobs_of
from forget.scheduler.slurm.caretaker import write_cluster
from forget.scheduler.slurm.ends import End
from forget.scheduler.slurm.ledger import Ledger, Quarantine, SlurmJob
from forget.scheduler.slurm.lines import slurm_lines
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.sizes import JobSize
from forget.store.layout import Workspace
from forget.store.lock import exclusive
from scheduler.slurm.fake_commands import FakeCommands

RUN = "demo/model/arithmetic/gt-sft/seed-0"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """Three jobs: at work, waiting, and one that the controller has forgotten."""
    place = Place(Workspace(tmp_path), "ours")
    write_cluster(place, Cluster(summary="ours", scheduler="slurm"))
    ledger = Ledger.to_write(place.ledger)
    for number, stage in enumerate(("train", "evaluate", "prepare"), start=1):
        job = SlurmJob(
            name=f"j{number}", stage=stage, commands=((f"{RUN}/{stage}",),), size=JobSize(1024)
        )
        ledger.intend(job)
        ledger.submitted(job.name, str(number))
    return place


def test_each_job_by_what_slurm_says_of_it(place: Place, commands: FakeCommands) -> None:
    commands.answer(
        "squeue",
        "1|RUNNING|None|cpu=1,mem=1G|N/A|1|j1|\n2|PENDING|Priority|cpu=1,mem=1G|N/A|1|j2|\n"
        "3|COMPLETED|None|cpu=1,mem=1G|N/A|1|j3|\n",
    )
    log = place.job("j1") / "log"
    log.parent.mkdir(parents=True)
    log.write_text("first\nstep 12 of 40\n")
    lines = slurm_lines(place.workspace)
    assert [(line.job, line.state, line.where) for line in lines] == [
        ("1", "running", "ours"), ("2", "queued", "ours"), ("3", "queued", "ours")
    ]  # fmt: skip
    assert [line.detail for line in lines[:2]] == ["step 12 of 40", "Priority"]
    assert "forget advance" in lines[2].detail
    assert lines[0].units == (f"{RUN}/train",)
    assert len(commands.heard("squeue")) == 1


def test_slurm_that_does_not_answer_is_said(place: Place, commands: FakeCommands) -> None:
    commands.answer("squeue", error="no controller", status=1)
    assert all("no controller" in line.detail for line in slurm_lines(place.workspace))


def test_what_was_given_up_is_told_without_asking_slurm(
    place: Place, commands: FakeCommands
) -> None:
    ledger = Ledger.to_write(place.ledger)
    for name in list(ledger.open):
        ledger.ended(name, End("failed", "failed"), [])
    unit = f"{RUN}/train"
    ledger.quarantine(Quarantine(unit=unit, why="tried 2 times", log="a/log", last="no such file"))
    [line] = slurm_lines(place.workspace)
    assert (line.units, line.state, line.log) == ((unit,), "quarantined", Path("a/log"))
    assert line.detail == "tried 2 times\nno such file"
    assert commands.heard("squeue") == []


def test_a_damaged_ledger_is_a_line(place: Place, commands: FakeCommands) -> None:
    place.ledger.write_text("{}\n")
    [line] = slurm_lines(place.workspace)
    assert (line.state, line.where) == ("held", "ours")
    assert "Line 1 of" in line.detail


def test_the_process_of_a_job_is_not_told_twice(place: Place, commands: FakeCommands) -> None:
    run = place.workspace.run("demo", "model", "arithmetic", "gt-sft", 0)
    run.path.mkdir(parents=True)
    run.runfile.write_text("")
    commands.answer("squeue", "1|RUNNING|None|cpu=1,mem=1G|N/A|1|j1|\n")
    with exclusive(run.lock, "train"):
        assert [line.job for line in jobs_of(place.workspace)] == ["1", "2", "3"]
    commands.answer("squeue", "")
    with exclusive(run.lock, "train"):
        *_, process = jobs_of(place.workspace)
    assert process.job.startswith("process ")
