"""What people do to jobs on a real Slurm: cancel, try again, read logs, and ask for too much."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from forget.errors import UnknownNameError
from forget.scheduler.requests import asked_of
from forget.scheduler.slurm.client import SlurmError
from forget.scheduler.slurm.control import cancel, retry
from forget.scheduler.slurm.ends import End
from forget.scheduler.slurm.guard import guard
from forget.scheduler.slurm.ledger import Quarantine
from forget.scheduler.slurm.script import NOT_WANTED
from scheduler.slurm.stub_study import BASE, PREPARE, StubStudy, empty
from slurm_cluster import SlurmCluster

pytestmark = pytest.mark.slow


def test_cancelled_it_stops_and_asked_again_it_goes_on(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    study = StubStudy(tmp_path / "study")
    submitted = study.submit(cluster)["submitted"]
    cluster.wait(lambda: "RUNNING" in cluster.jobs().values())
    shown = json.loads(study.forget("cancel", "--json", cluster=cluster).stdout)
    assert {job["job"] for job in shown["cancelled"]} == {job["job"] for job in submitted}
    cluster.wait(lambda: not cluster.jobs())
    assert asked_of(study.place.workspace) == []
    assert study.ledger.open == {}
    assert study.ledger.tries == {}
    assert "0 jobs are cancelled" in study.forget("cancel", cluster=cluster).stdout
    assert len(study.submit(cluster)["submitted"]) == 2


def test_only_one_study_is_cancelled(cluster: SlurmCluster, tmp_path: Path) -> None:
    study = StubStudy(tmp_path / "study")
    study.ask()
    study.advance()
    with pytest.raises(UnknownNameError, match=r"named 'smal'.*Did you mean 'small'"):
        cancel(study.place, "smal")
    assert len(study.ledger.open) == 2
    assert len(cancel(study.place, "small")) == 2


def test_a_job_that_was_cancelled_while_it_started_does_not_work(
    cluster: SlurmCluster, tmp_path: Path
) -> None:
    """It was on its way to a node when it was given up, and `scancel` did not reach it."""
    study = StubStudy(tmp_path / "study", 'options = ["--hold"]')
    study.ask()
    job, *_ = study.advance().submitted
    ledger = type(study.ledger).to_write(study.place.ledger)
    ledger.ended(job.name, End("cancelled", "was cancelled by `forget cancel`"), [])
    cluster.ask("scontrol", "release", job.job)
    cluster.wait(lambda: job.job not in cluster.jobs())
    assert study.detail(cluster, job.job, "ExitCode") == "0:0"
    record = (study.place.job(job.name) / "record").read_text()
    assert "begin" not in record
    assert guard(study.place, job.name) == NOT_WANTED


def test_tried_again(cluster: SlurmCluster, tmp_path: Path) -> None:
    study = StubStudy(tmp_path / "study", 'options = ["--hold"]')
    study.ask()
    study.advance()
    empty(cluster)
    ledger = type(study.ledger).to_write(study.place.ledger)
    for unit in (BASE, PREPARE):
        ledger.quarantine(Quarantine(unit=unit, why="why", log="", last=""))
    with pytest.raises(UnknownNameError, match="no unit that was given up named"):
        retry(study.place, [BASE, "nothing"])
    assert study.ledger.quarantined.keys() == {BASE, PREPARE}
    said = study.forget("retry", BASE, "--json", cluster=cluster)
    assert f"{BASE} is tried again" in said.stderr
    shown = json.loads(said.stdout)
    assert [job["units"] for job in shown["submitted"]] == [[BASE]]
    assert shown["given_up"] == [PREPARE]


def test_logs_by_unit_name_and_number(cluster: SlurmCluster, tmp_path: Path) -> None:
    study = StubStudy(tmp_path / "study", work="echo said by $5 $6; exit 7")
    study.ask()
    jobs = {job.units[0]: job for job in study.advance().submitted}
    cluster.wait(lambda: not cluster.jobs(), timeout_s=120)
    job = jobs[PREPARE]
    for what in (PREPARE, job.name, job.job):
        assert "said by work prepare" in study.forget("logs", what, "--lines", "0").stdout
    path = study.forget("logs", job.name, "--path").stdout.strip()
    assert Path(path) == study.place.job(job.name) / "log"
    # Of the two jobs of a unit, the one that wrote last.
    newest = Path(study.forget("logs", PREPARE, "--path").stdout.strip())
    assert newest.parent.name > job.name
    assert "Did you mean" in study.forget("logs", f"{PREPARE}x", status=2).stderr


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ("memory_cap_gb = 1.0", "1,280 MiB of memory would be asked for, and the cap is 1,024"),
        ("job_cap = 1", "2 jobs would be asked for, and the cap is 1"),
        ("gpus_per_job = 9", "9 GPUs, and a node of partition 'main' gives 8"),
        ("stages.train = { memory_gb = 200 }", "204,800 MiB of memory, and a node"),
        ('partition = "nowhere"', "there is no partition 'nowhere'; the site has main"),
    ],
)
def test_what_can_never_run_is_refused_before_anything_is_written(
    cluster: SlurmCluster, tmp_path: Path, keys: str, said: str
) -> None:
    study = StubStudy(tmp_path / "study", keys)
    command = ("run", "--study", "small", "--on", "slurm", "--cluster", "ci")
    error = study.forget(*command, cluster=cluster, status=2).stderr
    assert said in " ".join(error.split())
    assert not study.out.exists()
    assert cluster.jobs() == {}


def test_an_unknown_cluster_or_no_slurm_at_all(cluster: SlurmCluster, tmp_path: Path) -> None:
    study = StubStudy(tmp_path / "study")
    command = ("run", "--study", "small", "--on", "slurm", "--cluster")
    error = study.forget(*command, "cj", cluster=cluster, status=2).stderr
    assert "Did you mean 'ci'" in error
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path))
        error = study.forget(*command, "ci", cluster=cluster, status=2).stderr
    assert "no sbatch on this machine" in error
    assert not study.out.exists()


def test_what_sbatch_refuses_is_quoted(cluster: SlurmCluster, tmp_path: Path) -> None:
    study = StubStudy(tmp_path / "study", 'options = ["--partition=nowhere"]')
    command = ("run", "--study", "small", "--on", "slurm", "--cluster", "ci")
    error = study.forget(*command, cluster=cluster, status=1).stderr
    assert "invalid partition specified: nowhere" in " ".join(error.split())
    assert cluster.jobs() == {}


def test_a_controller_that_is_away_changes_nothing(
    cluster: SlurmCluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = StubStudy(tmp_path / "study")
    study.ask()
    study.advance()
    before = study.place.ledger.read_bytes()
    conf = tmp_path / "slurm.conf"
    text = Path(os.environ["SLURM_CONF"]).read_text().replace("MessageTimeout", "#MessageTimeout")
    port = next(line for line in text.splitlines() if line.startswith("SlurmctldPort="))
    conf.write_text(f"{text.replace(port, 'SlurmctldPort=1')}\nMessageTimeout=2\n")
    monkeypatch.setenv("SLURM_CONF", str(conf))
    with pytest.raises(SlurmError, match="Unable to contact slurm controller"):
        study.advance()
    with pytest.raises(SlurmError):
        cancel(study.place, None)
    assert study.place.ledger.read_bytes() == before
    assert len(asked_of(study.place.workspace)) == 1
