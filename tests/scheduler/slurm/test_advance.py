"""Passes on a real Slurm: what is submitted, held back, found again, and by whom."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scheduler.slurm.stub_study import BASE, PREPARE, StubStudy, empty
from slurm_cluster import SlurmCluster

pytestmark = pytest.mark.slow


def foreign(cluster: SlurmCluster, memory: str, seconds: int = 100) -> str:
    """Submit a job of another program of the same user; return its number."""
    wrap = ("--wrap", f"sleep {seconds}", "-o", "/dev/null")
    return cluster.ask("sbatch", "--parsable", f"--mem={memory}", *wrap).strip()


def test_twice_and_from_two_shells_it_is_submitted_once(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    study = StubStudy(tmp_path / "study")
    words = [sys.executable, "-m", "forget", "run", "--study", "small", "--on", "slurm"]
    words += ["--cluster", "ci", "--json", "--out", str(study.out)]
    shells = [
        subprocess.Popen(
            words, cwd=study.folder, env=study.environment(cluster), stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    said = [json.loads(shell.communicate(timeout=120)[0]) for shell in shells]
    again = study.submit(cluster)
    submitted = [job["units"] for one in (*said, again) for job in one["submitted"]]
    assert sorted(submitted) == [[BASE], [PREPARE]]
    assert all(len(one["active"]) == 2 for one in (*said, again))
    names = [job.name for job in study.ledger.jobs.values()]
    in_queue = cluster.ask("squeue", "-h", "-o", "%j").split()
    assert sorted(name for name in in_queue if "-care-" not in name) == sorted(names)
    assert study.caretakers(cluster).keys() == {0, 1}
    for job in study.ledger.jobs.values():
        assert (study.place.job(job.name) / "script.sh").is_file()


def test_a_job_that_was_deleted_is_submitted_again(cluster: SlurmCluster, tmp_path: Path) -> None:
    study = StubStudy(tmp_path / "study", 'options = ["--hold"]')
    study.ask()
    first = study.advance().submitted
    empty(cluster)
    again = study.advance()
    assert {job.units[0] for job in again.submitted} == {BASE, PREPARE}
    assert {job.name for job in again.submitted}.isdisjoint(job.name for job in first)
    assert all("CANCELLED" in note for note in study.notes if "ended" in note)
    assert study.ledger.tries[BASE].counts == {"cancelled": 1}
    assert again.given_up == []


def test_a_job_that_nobody_knows_any_more(cluster: SlurmCluster, tmp_path: Path) -> None:
    """Its number has gone to another job since, which is none of ours."""
    study = StubStudy(tmp_path / "study", 'options = ["--hold"]')
    study.ask()
    jobs = study.advance().submitted
    empty(cluster)
    other = foreign(cluster, "10M")
    text = study.place.ledger.read_text().replace(f'"{jobs[0].job}"', f'"{other}"')
    name, odd = jobs[0].name, f"{jobs[0].name}-unknown"
    study.place.ledger.write_text(text.replace(name, odd))
    study.advance()
    [note] = [note for note in study.notes if odd in note]
    assert "is gone from the queue and never started" in note
    assert study.ledger.tries[jobs[0].units[0]].counts == {"lost": 1}
    assert other in cluster.jobs()
    assert odd not in study.ledger.open


def test_a_pass_that_was_killed_while_it_submitted(cluster: SlurmCluster, tmp_path: Path) -> None:
    """The number of one job is not known, and another one was never submitted."""
    study = StubStudy(tmp_path / "study", "lanes = 1\n")
    study.ask()
    first, last = study.advance().submitted
    lines = study.place.ledger.read_text().splitlines(keepends=True)
    assert [json.loads(line)["event"] for line in lines] == ["intended", "submitted"] * 2
    cluster.ask("scancel", last.job)
    study.place.ledger.write_text("".join([lines[0], lines[2].replace(last.name, "forget-never")]))
    again = study.advance()
    assert study.ledger.jobs[first.name].job == first.job
    assert "forget-never" not in study.ledger.open
    [job] = again.submitted
    assert job.units == last.units
    assert study.ledger.tries == {}
    assert study.detail(cluster, job.job, "Dependency").startswith(f"afterany:{first.job}")


def test_what_others_of_the_user_have_counts(cluster: SlurmCluster, tmp_path: Path) -> None:
    """Held back as long as another program's job fills the cap; then a caretaker submits it."""
    study = StubStudy(tmp_path / "study", "memory_cap_gb = 2.75\n")
    study.ask()
    other = foreign(cluster, "2000M")
    held = study.advance()
    assert (held.submitted, held.held, held.watched, held.over) == ([], 2, True, False)
    caretaker = study.caretakers(cluster)[0]
    assert study.detail(cluster, caretaker, "Dependency") == f"afterany:{other}(unfulfilled)"
    cluster.ask("scancel", other)
    cluster.wait(lambda: len(study.ledger.open) == 2)
    cluster.wait(lambda: study.caretakers(cluster).keys() == {0, 1})


def test_where_not_even_a_caretaker_fits_that_is_said(
    cluster: SlurmCluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = StubStudy(tmp_path / "study", "memory_cap_gb = 2.25\n")
    study.ask()
    foreign(cluster, "2300M")
    held = study.advance()
    assert (held.held, held.watched, held.over) == (2, False, True)
    said = study.forget("advance", cluster=cluster).stdout
    assert "no room for a job that looks again" in said
    assert study.caretakers(cluster) == {}


def test_lanes_submit_everything_in_chains(cluster: SlurmCluster, tmp_path: Path) -> None:
    """Where nothing is held back, a caretaker is neither."""
    study = StubStudy(tmp_path / "study", "lanes = 1\njob_cap = 2\n")
    study.ask()
    first, second = study.advance().submitted
    assert study.detail(cluster, second.job, "Dependency") == f"afterany:{first.job}(unfulfilled)"
    assert study.caretakers(cluster).keys() == {0, 1}
    cluster.wait(lambda: cluster.jobs().get(first.job) == "RUNNING")
    cluster.ask("scancel", first.job)
    cluster.wait(lambda: cluster.jobs().get(second.job) == "RUNNING")
    cluster.wait(lambda: len(study.ledger.jobs) == 3 and bool(study.newest.job))
    third = study.newest  # the first one again, behind the second
    assert study.detail(cluster, third.job, "Dependency").startswith(f"afterany:{second.job}")


def test_what_fails_by_itself_is_given_up_and_the_queue_is_empty_then(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    study = StubStudy(tmp_path / "study", work="echo the reason; exit 7")
    study.ask()
    study.advance()
    cluster.wait(lambda: not cluster.jobs(), timeout_s=120)
    assert study.ledger.quarantined.keys() == {BASE, PREPARE}
    found = study.ledger.quarantined[BASE]
    assert found.why == "failed with status 7; tried 2 times without progress"
    assert "the reason" in found.last
    assert len(study.ledger.jobs) == 4
    over = study.advance()
    assert over.over
    assert sorted(over.given_up) == [BASE, PREPARE]
    assert over.submitted == []


def test_a_request_that_cannot_be_planned_is_left_out(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    study = StubStudy(tmp_path / "study")
    extra = tmp_path / "extra.toml"
    extra.write_text((study.folder / "forget.toml").read_text())
    study.registry = extra
    gone = study.ask(limit=1)
    extra.unlink()
    study.registry = study.folder / "forget.toml"
    study.ask()
    assert len(study.advance().submitted) == 2
    assert [note for note in study.notes if note.startswith(f"{gone.name} is left out: ")]


def test_clocks_are_not_compared(
    cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = StubStudy(tmp_path / "study", 'options = ["--hold"]')
    study.ask()
    now = time.time
    monkeypatch.setattr("forget.scheduler.slurm.ledger.time.time", lambda: now() + 9 * 3600)
    study.advance()
    monkeypatch.setattr("forget.scheduler.slurm.ledger.time.time", now)
    assert study.advance().submitted == []
    empty(cluster)
    assert len(study.advance().submitted) == 2


def test_whatever_the_folder_is_called(cluster: SlurmCluster, tmp_path: Path) -> None:
    """Through the command line, `sbatch`, the node's shell, a container and back."""
    name = 'it\'s $(touch injected) `touch injected` 100%j "\u03bb"\n#SBATCH --mem=1T'
    study = StubStudy(tmp_path / name, work='printf "%s\\n" "$@"; exit 7')
    submitted = study.submit(cluster)["submitted"]
    assert len(submitted) == 2
    cluster.wait(lambda: not cluster.jobs(), timeout_s=120)
    assert study.ledger.quarantined.keys() == {BASE, PREPARE}
    for job in submitted:
        log = (study.place.job(job["name"]) / "log").read_text()
        assert f"--out\n{study.out}\n" in log
        assert f"--registry\n{study.registry}" in log
    assert not list(tmp_path.rglob("injected"))
