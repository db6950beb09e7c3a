"""The job that looks after the others, on a real Slurm: always one, never for ever."""

from __future__ import annotations

import errno
import shutil
from pathlib import Path

import pytest

from forget.errors import StorageError
from forget.scheduler.slurm.advance import advance
from forget.scheduler.slurm.caretaker import Caretakers, read_cluster
from forget.scheduler.slurm.client import Listed, SlurmError
from forget.scheduler.slurm.sizes import Budget
from scheduler.slurm.fake_commands import FakeCommands
from scheduler.slurm.stub_study import BASE, PREPARE, StubStudy
from slurm_cluster import SlurmCluster

TIGHT = "memory_cap_gb = 1.25\n"
"""One job of 1 GB and one caretaker of a quarter."""


@pytest.mark.slow
def test_one_that_was_cancelled_with_its_deputy_is_replaced_by_a_job_at_work(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """At its start, and again and again while it works."""
    study = StubStudy(tmp_path / "study", "job_cap = 3\n")
    study.ask()
    study.advance()
    for _ in range(2):
        there = study.caretakers(cluster)
        cluster.ask("scancel", there[1])  # or it would start when the other one ends
        cluster.ask("scancel", there[0])
        gone = set(there.values())
        cluster.wait(lambda: len({*study.caretakers(cluster).values()} - gone) == 2)  # noqa: B023
    caretaker = study.caretakers(cluster)[0]
    assert study.detail(cluster, caretaker, "Dependency").startswith("afterany:")


@pytest.mark.slow
def test_each_that_does_not_get_through_is_followed_by_one_that_waits_longer(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    study = StubStudy(tmp_path / "study")
    study.ask()
    study.advance()
    study.place.ledger.write_text('{"event": "submitted", "name": "nobody", "number": "1"}\n')
    first = study.caretakers(cluster)[0]
    cluster.ask("scontrol", "update", f"JobId={first}", "Dependency=")
    cluster.wait(lambda: study.caretakers(cluster).keys() == {2})
    last = study.caretakers(cluster)[2]
    assert study.detail(cluster, last, "Reason") in ("BeginTime", "Dependency")
    submitted, start = (study.detail(cluster, last, key) for key in ("SubmitTime", "EligibleTime"))
    assert _seconds(start) - _seconds(submitted) == 20
    assert "Line 1 of" in study.place.log.read_text()


def _seconds(text: str) -> float:
    from datetime import datetime

    return datetime.fromisoformat(text).timestamp()


_LOOK = """\
#!/bin/bash
{sbatch} "$@" || exit
squeue -h --me -t PENDING,RUNNING,COMPLETING -o %m | paste -sd ' ' >>{seen}
"""


@pytest.mark.slow
def test_under_a_cap_that_has_room_for_one_job_and_one_caretaker(
    cluster: SlurmCluster, commands: FakeCommands, tmp_path: Path
) -> None:
    """A caretaker makes room for the next job; after no submission is there more than the cap."""
    usual, seen = shutil.which("sbatch"), tmp_path / "seen"
    commands.answer("sbatch")
    (commands.folder / "sbatch").write_text(_LOOK.format(sbatch=usual, seen=seen))
    study = StubStudy(tmp_path / "study", TIGHT, work="exit 7")
    study.ask()
    assert len(study.advance().submitted) == 1
    cluster.wait(lambda: not cluster.jobs(), timeout_s=120)
    assert study.ledger.quarantined.keys() == {BASE, PREPARE}
    amounts = [line.split() for line in seen.read_text().splitlines()]
    assert len(amounts) >= 8  # four jobs, and as many caretakers
    assert max(sum(_MB[amount] for amount in line) for line in amounts) == 1024 + 256


_MB = {"1G": 1024, "256M": 256}


class Queue:
    """Caretakers of a folder with a queue that a test makes up."""

    def __init__(self, study: StubStudy) -> None:
        study.ask()
        self.study, self.cluster = study, study.session.catalogue.cluster("ci")[1]

    def job(self, number: str, failed: int, state: str = "PENDING") -> Listed:
        return Listed(number, f"{self.study.place.prefix}-care-{failed}", state, "", 128, 1)

    def caretakers(self, *listed: Listed, me: str = "") -> tuple[Caretakers, Budget]:
        return Caretakers(self.study.place, listed, me), Budget.of(self.cluster, listed)


@pytest.fixture
def queue(tmp_path: Path, commands: FakeCommands) -> Queue:
    commands.answer("sbatch", "77")
    commands.answer("scancel")
    commands.answer("scontrol")
    return Queue(StubStudy(tmp_path / "study", "job_cap = 2\n"))


@pytest.mark.slow
def test_the_chain_has_an_end(queue: Queue, commands: FakeCommands) -> None:
    for failed, follows in ((10, True), (11, False)):
        caretakers, budget = queue.caretakers(queue.job("5", failed, "RUNNING"), me="5")
        assert caretakers.failed == failed
        assert caretakers.ensure(budget, ["5"], failed=failed + 1) is follows
    [told] = commands.heard("sbatch")
    assert f"--job-name={queue.study.place.prefix}-care-11 " in told
    assert "--begin=now+600 " in told


@pytest.mark.slow
def test_it_is_known_by_its_name_and_by_nothing_else(queue: Queue) -> None:
    prefix = queue.study.place.prefix
    others = [
        Listed("1", "forget-000000-care-0", "PENDING"),
        Listed("2", f"{prefix}-care-x", "PENDING"),
        Listed("3", f"{prefix}-0001-train", "PENDING"),
        queue.job("4", 3, "CANCELLED"),
        queue.job("5", 2, "RUNNING"),
        queue.job("6", 1, "COMPLETING"),
    ]
    caretakers, _ = queue.caretakers(*others, me="5")
    assert (caretakers.waiting, caretakers.failed) == ([], 2)


def test_a_new_one_counts(queue: Queue) -> None:
    """With the one that runs it fills a cap of two jobs."""
    caretakers, budget = queue.caretakers(queue.job("5", 0, "RUNNING"), me="5")
    assert caretakers.ensure(budget, ["5"])
    assert [job.job for job in caretakers.queue] == ["5", "77"]
    assert Budget.of(queue.cluster, caretakers.queue).used == (128 + 256, 2, 0, 2)
    caretakers.dismiss(budget)
    assert [job.job for job in caretakers.queue] == ["5"]


def test_none_waits_where_the_budget_has_no_room(queue: Queue, commands: FakeCommands) -> None:
    other = Listed("9", "of another program", "RUNNING")
    caretakers, budget = queue.caretakers(other, queue.job("5", 0, "RUNNING"), me="5")
    assert not caretakers.ensure(budget, ["5"])
    assert commands.heard("sbatch") == []


def test_of_several_one_is_kept_and_its_deputy(queue: Queue, commands: FakeCommands) -> None:
    caretakers, budget = queue.caretakers(*(queue.job(job, 1) for job in ("5", "6", "7")))
    assert caretakers.ensure(budget, ["1"])
    caretakers.watch(["1", "2"])
    assert commands.heard("sbatch") == []
    assert commands.heard("scancel") == ["7"]
    first, deputy = commands.heard("scontrol")
    assert "JobId=5 Dependency=afterany:1?afterany:2" in first
    assert "care-0" in first
    assert "JobId=6 Dependency=afterany:5" in deputy
    assert "care-1" in deputy


def test_by_hand_it_waits_for_nothing(queue: Queue, commands: FakeCommands) -> None:
    caretakers, budget = queue.caretakers()
    assert caretakers.ensure(budget, [""])
    assert "--dependency" not in commands.heard("sbatch")[0]


@pytest.mark.slow
def test_a_pass_that_is_refused_a_job_leaves_somebody_to_try_again(
    queue: Queue, commands: FakeCommands
) -> None:
    """What is refused is tried by a caretaker later, and it is said now."""
    script = commands.folder / "sbatch"
    usual = script.read_text()
    refusal = "case $* in *-care-*) ;; *) echo QOSMaxSubmit >&2; exit 1; esac"
    script.write_text(usual.replace("#!/bin/bash", f"#!/bin/bash\n{refusal}"))
    commands.answer("squeue", "")
    commands.answer("sinfo", "main*|1:00:00|8000|8|(null)")
    study = queue.study
    with pytest.raises(SlurmError, match="QOSMaxSubmit"):
        study.advance()
    [told] = commands.heard("sbatch")
    assert f"--job-name={study.place.prefix}-care-1 " in told
    assert read_cluster(study.place) == queue.cluster
    [intended] = study.ledger.open.values()
    assert intended.job == ""
    script.write_text(usual)
    again = study.advance()
    assert {job.units[0] for job in again.submitted} == {BASE, PREPARE} or len(again.submitted) == 1
    assert intended.name not in study.ledger.open
    assert study.ledger.tries == {}  # it was nobody's fault


@pytest.mark.slow
def test_a_study_that_cannot_be_planned_is_looked_at_again(
    queue: Queue, commands: FakeCommands
) -> None:
    """Its registry may be on a file server that is away."""
    commands.answer("squeue", "")
    commands.answer("sinfo", "main*|1:00:00|8000|8|(null)")
    queue.study.ask()
    queue.study.advance()
    place, told = queue.study.place, len(commands.heard("sbatch"))
    queue.study.registry.rename(queue.study.folder / "away")
    found = advance(place, queue.study.notes.append)
    assert (found.units, found.active, found.watched) == (0, [], True)
    [again] = commands.heard("sbatch")[told:]
    assert f"{place.prefix}-care-1 " in again
    assert "--dependency" not in again


def test_a_full_disk_is_no_reason_to_leave_a_study_out(
    queue: Queue, commands: FakeCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands.answer("squeue", "")
    commands.answer("sinfo", "main*|1:00:00|8000|8|(null)")
    queue.study.ask()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "touch", full)
    with pytest.raises(StorageError, match="The disk is full"):
        advance(queue.study.place, queue.study.notes.append)


@pytest.mark.slow
def test_a_job_that_ends_leaves_its_room_to_whoever_waits(
    queue: Queue, commands: FakeCommands, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next job does not fit beside it, and the caretaker is not given up for that."""
    commands.answer("squeue", "")
    commands.answer("sinfo", "main*|1:00:00|8000|8|(null)")
    queue.study.ask()
    queue.study.advance()
    [job] = queue.study.ledger.open.values()
    record = queue.study.place.job(job.name) / "record"
    record.write_text(f"{job.job} 0 start x\n{job.job} 0 begin 0\n{job.job} 0 end 0 1\n")
    line = "{}|{}|None|cpu=1,mem=128M|N/A|1|{}|\n"
    care = f"{queue.study.place.prefix}-care-0"
    queued = line.format(job.job, "RUNNING", job.name) + line.format("5", "PENDING", care)
    commands.answer("squeue", queued)
    monkeypatch.setenv("SLURM_JOB_ID", job.job)
    before = len(commands.heard("sbatch"))
    found = advance(queue.study.place, queue.study.notes.append, job=job.name)
    assert (found.submitted, found.watched) == ([], True)
    assert found.held > 0
    assert commands.heard("scancel") == []
    assert len(commands.heard("sbatch")) == before
    assert f"JobId=5 Dependency=afterany:{job.job} " in commands.heard("scontrol")[-1]
