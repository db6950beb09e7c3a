"""The journal of jobs: what it says now is what it says to who opens it later."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from forget.errors import DataError
from forget.scheduler.slurm.ends import End
from forget.scheduler.slurm.ledger import Ledger, Quarantine, SlurmJob, UnitEnd
from forget.scheduler.slurm.sizes import JobSize

JOB = SlurmJob(
    name="forget-1-0001-train",
    stage="train",
    commands=(("a/train", "b/train"), ("c/train",)),
    size=JobSize(1024, 2, 1, 60, "gpu"),
    progress={"a/train": "begun step 2 100"},
    lane=1,
)


def state(ledger: Ledger) -> tuple[object, ...]:
    return ledger.jobs, ledger.open, ledger.tries, ledger.quarantined, ledger.next_number


def ended(unit: str, *, progress: bool = False) -> UnitEnd:
    return UnitEnd(unit=unit, how="failed", said="failed with status 1", progress=progress)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    """A ledger with every kind of event."""
    made = Ledger.to_write(tmp_path / "ledger.jsonl")
    other = attrs.evolve(JOB, name="forget-1-0002-train")
    for job in (JOB, other):
        made.intend(job)
    made.submitted(JOB.name, "17")
    made.ended(JOB.name, End("failed", "ended as FAILED"), [ended("a/train"), ended("c/train")])
    made.quarantine(Quarantine(unit="a/train", why="it failed", log="/x/log", last="Err\u00f6r\n2"))
    made.quarantine(Quarantine(unit="c/train", why="it failed", log="/x/log", last=""))
    made.retry("c/train")
    return made


def test_read_again_it_is_the_same(ledger: Ledger, tmp_path: Path) -> None:
    assert state(Ledger(tmp_path / "ledger.jsonl")) == state(ledger)
    assert list(ledger.open) == ["forget-1-0002-train"]
    assert ledger.jobs[JOB.name] == attrs.evolve(JOB, job="17", since=ledger.jobs[JOB.name].since)
    assert ledger.jobs[JOB.name].units == ["a/train", "b/train", "c/train"]
    assert ledger.tries.keys() == ledger.quarantined.keys() == {"a/train"}
    assert ledger.next_number == 3


@pytest.mark.parametrize("cut", [1, 30])
def test_a_torn_last_line_is_as_if_it_never_was(ledger: Ledger, tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    before = state(Ledger(path))
    whole = path.read_bytes()
    ledger.retry("a/train")
    path.write_bytes(path.read_bytes()[:-cut])
    assert state(Ledger(path)) == before  # who only reads does not touch it
    assert path.read_bytes() != whole
    again = Ledger.to_write(path)
    assert path.read_bytes() == whole
    again.retry("a/train")
    assert Ledger(path).quarantined == {}


def test_the_end_of_a_job_may_come_before_its_number(ledger: Ledger, tmp_path: Path) -> None:
    ledger.ended("forget-1-0002-train", End("lost", "was never submitted"), [])
    ledger.submitted("forget-1-0002-train", "18")
    assert ledger.open == {}
    assert ledger.jobs["forget-1-0002-train"].job == "18"


def test_there_is_none_yet(tmp_path: Path) -> None:
    ledger = Ledger.to_write(tmp_path / "ledger.jsonl")
    assert (ledger.jobs, ledger.next_number) == ({}, 1)
    assert not (tmp_path / "ledger.jsonl").exists()


@pytest.mark.parametrize(
    "line",
    [
        '{"event": "submitted", "name": "nobody", "number": "1"}',
        "[]",
        '{"event": "intended"}',
        "{}",
    ],
)
def test_what_nobody_wrote_there_is_said(tmp_path: Path, line: str) -> None:
    (tmp_path / "ledger.jsonl").write_text(f'{{"event": "retried", "unit": "x"}}\n{line}\n')
    with pytest.raises(DataError, match=r"Line 2 of .*ledger\.jsonl is not what was written"):
        Ledger(tmp_path / "ledger.jsonl")
