"""What has become of jobs that are in the queue no more, and what is given up then."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from forget.scheduler.jobs import tail
from forget.scheduler.ready import progress_of
from forget.scheduler.slurm.client import Listed
from forget.scheduler.slurm.ledger import Ledger, SlurmJob
from forget.scheduler.slurm.settle import settle
from forget.scheduler.slurm.sizes import JobSize
from forget.scheduler.slurm.studies import Study, open_studies
from scheduler.slurm.fake_commands import FakeCommands
from scheduler.slurm.stub_study import BASE, PREPARE, StubStudy

NAME = "forget-x-0001-evaluate"


class Jobs:
    """A study with a job that a test makes up, and the record that it wrote."""

    def __init__(self, stub: StubStudy) -> None:
        stub.ask()
        self.place, self.notes = stub.place, stub.notes
        self.studies: Sequence[Study] = list(open_studies(stub.place, stub.notes.append))
        self.ledger = Ledger.to_write(stub.place.ledger)

    def submitted(
        self, *commands: Sequence[str], name: str = NAME, number: str = "7", memory_mb: int = 1024
    ) -> None:
        [study] = self.studies
        units = {unit.name: unit for unit in study.units}
        names = [unit for command in commands for unit in command]
        self.ledger.intend(
            SlurmJob(
                name=name,
                stage="evaluate",
                commands=tuple(map(tuple, commands)),
                size=JobSize(memory_mb, time_min=60),
                progress={unit: progress_of(units[unit], study.session) for unit in names},
            )
        )
        if number:
            self.ledger.submitted(name, number)

    def wrote(self, text: str, name: str = NAME, log: str = "") -> None:
        folder = self.place.job(name)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "record").write_text(text)
        (folder / "log").write_text(log)

    def settle(self, *listed: Listed, ending: str = "") -> None:
        settle(self.ledger, self.place, self.studies, listed, ending=ending, note=self.notes.append)

    def counts(self, unit: str) -> dict[str, int]:
        return dict(self.ledger.tries[unit].counts)


@pytest.fixture
def jobs(tmp_path: Path, commands: FakeCommands) -> Jobs:
    commands.answer("sinfo", "main*|1:00:00|8192|8|(null)\n")
    commands.answer("sacct", error="disabled", status=1)
    return Jobs(StubStudy(tmp_path / "study"))


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "REQUEUED", "SUSPENDED"])
def test_what_is_in_the_queue_is_left_alone(jobs: Jobs, state: str) -> None:
    jobs.submitted([BASE])
    jobs.settle(Listed("7", NAME, state))
    assert NAME in jobs.ledger.open


def test_a_number_that_nobody_wrote_down_is_learnt(jobs: Jobs) -> None:
    jobs.submitted([BASE], number="")
    jobs.settle(Listed("9", NAME, "PENDING"))
    assert jobs.ledger.open[NAME].job == "9"


def test_of_two_jobs_of_one_name_the_live_one_counts(jobs: Jobs) -> None:
    jobs.submitted([BASE])
    jobs.settle(Listed("7", NAME, "RUNNING"), Listed("3", NAME, "COMPLETED"))
    assert jobs.ledger.open[NAME].job == "7"


def test_a_number_may_belong_to_another_job_by_now(jobs: Jobs, commands: FakeCommands) -> None:
    """In the queue and in accounting; names are asked for, and numbers are not believed."""
    commands.answer("sacct", "of-another-program|COMPLETED\n")
    jobs.submitted([BASE])
    jobs.wrote("7 0 start n1\n7 0 begin 0\n7 0 term\n")
    jobs.settle(Listed("7", "of-another-program", "RUNNING"))
    assert jobs.counts(BASE) == {"cancelled": 1}


def test_accounting_is_asked_for_what_the_queue_has_forgotten(
    jobs: Jobs, commands: FakeCommands
) -> None:
    commands.answer("sacct", f"{NAME}|OUT_OF_MEMORY\n")
    jobs.submitted([BASE])
    jobs.settle()
    assert jobs.counts(BASE) == {"memory": 1}
    assert commands.heard("sacct")[0].endswith("-j 7")


def test_what_was_never_submitted_is_nobodys_fault(jobs: Jobs) -> None:
    jobs.submitted([BASE], number="")
    jobs.settle()
    assert jobs.ledger.open == {}
    assert jobs.ledger.tries == {}


def test_commands_that_failed_count_and_those_not_begun_do_not(jobs: Jobs) -> None:
    jobs.submitted([BASE], [PREPARE])
    jobs.wrote("7 0 start n1\n7 0 begin 0\n7 0 end 0 7\n7 0 limit\n")
    jobs.settle(Listed("7", NAME, "TIMEOUT"))
    assert jobs.counts(BASE) == {"failed": 1}
    assert PREPARE not in jobs.ledger.tries


def test_a_job_that_asks_for_it_has_done_its_work(jobs: Jobs) -> None:
    """What ended without an error is not done here: that is a failure as well."""
    jobs.submitted([BASE], [PREPARE])
    jobs.wrote(f"7 0 start n\n{'7 0 begin 0' + chr(10)}7 0 end 0 0\n7 0 begin 1\n7 0 end 1 4\n")
    jobs.settle(Listed("7", NAME, "RUNNING"), ending=NAME)
    assert jobs.counts(BASE) == {"failed": 1}
    assert jobs.counts(PREPARE) == {"busy": 1}
    assert jobs.ledger.open == {}


def test_progress_is_seen_and_starts_the_count_again(jobs: Jobs) -> None:
    [study] = jobs.studies
    run = study.runs[0].folder.path
    for number in range(4):
        name = f"{NAME}-{number}"
        jobs.submitted([PREPARE], name=name, number=str(number + 7))
        jobs.wrote("7 0 start n1\n7 0 begin 0\n7 0 end 0 1\n", name)
        run.mkdir(parents=True, exist_ok=True)
        with (run / "some.jsonl").open("a") as file:
            file.write("{}\n" if number < 3 else "")
        jobs.settle(Listed("7", name, "FAILED"))
    assert jobs.counts(PREPARE) == {"failed": 2}
    assert PREPARE in jobs.ledger.quarantined


@pytest.mark.parametrize(("memory_mb", "given_up"), [(8192, True), (4096, False)])
def test_without_more_memory_to_be_had_it_is_given_up(
    jobs: Jobs, memory_mb: int, given_up: bool
) -> None:
    for number in range(2):
        name = f"{NAME}-{number}"
        jobs.submitted([BASE], name=name, memory_mb=memory_mb)
        jobs.wrote("7 0 start n1\n7 0 begin 0\n7 0 end 0 137\n", name, log="1\n2\nKilled\n")
        jobs.settle(Listed("7", name, "OUT_OF_MEMORY"))
    assert (BASE in jobs.ledger.quarantined) is given_up
    if given_up:
        found = jobs.ledger.quarantined[BASE]
        assert found.why.endswith("out of memory most likely; tried 2 times without progress")
        assert found.last == "1\n2\nKilled"
        assert Path(found.log).is_file()
        assert "is given up" in jobs.notes[-1]


def test_jobs_of_what_was_taken_back_end_as_well(jobs: Jobs) -> None:
    jobs.submitted([BASE])
    jobs.studies = []
    jobs.settle()
    assert jobs.ledger.open == {}
    assert jobs.ledger.tries == {}


def test_the_last_lines_of_a_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert tail(log) == ""
    log.write_bytes(b"x" * 10_000 + b"\n" + b"".join(b"line %d \xff\n" % n for n in range(9)))
    assert tail(log).splitlines() == [f"line {number} \ufffd" for number in range(4, 9)]
