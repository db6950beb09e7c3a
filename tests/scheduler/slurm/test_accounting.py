"""Jobs that the controller has forgotten, with accounting and without."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.scheduler.slurm import client
from scheduler.slurm.stub_study import StubStudy, empty
from slurm_cluster import slurm_cluster

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("mode", "word"), [("dbd", "ended as CANCELLED"), ("none", "as its own record says")]
)
def test_the_end_is_known_though_the_controller_has_forgotten_it(
    mode: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with slurm_cluster(tmp_path / "slurm", mode, extra="MinJobAge=2") as cluster:
        for name, value in cluster.variables.items():
            monkeypatch.setenv(name, value)
        study = StubStudy(tmp_path / "study", "job_cap = 2")
        study.ask()
        [job] = study.advance().submitted
        record = study.place.job(job.name) / "record"
        cluster.wait(lambda: record.is_file() and "begin" in record.read_text())
        study.hushes()  # or a caretaker that starts meanwhile may be the first to know
        empty(cluster)
        cluster.wait(lambda: not client.list_jobs(), timeout_s=120)
        study.advance()
        assert word in study.place.ledger.read_text()
        assert study.ledger.tries[job.units[0]].counts == {"cancelled": 1}
