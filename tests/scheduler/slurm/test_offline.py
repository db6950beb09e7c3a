"""What does not load without a network is found before it is submitted, and on the node again."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.slurm.fake_commands import FakeCommands
from scheduler.slurm.stub_study import BASE, PREPARE, StubStudy
from slurm_cluster import SlurmCluster

pytestmark = pytest.mark.slow


@pytest.fixture
def study(tmp_path: Path) -> StubStudy:
    """A study whose nodes have no network, and whose model cannot be loaded anywhere."""
    study = StubStudy(tmp_path / "study", work="touch worked")
    text = study.registry.read_text()
    study.registry.write_text(text.replace("offline = false", "offline = true"))
    return study


@pytest.fixture
def silent(commands: FakeCommands) -> FakeCommands:
    """A Slurm that is there and has nothing to do."""
    for name in ("sbatch", "squeue", "scancel", "scontrol"):
        commands.answer(name)
    commands.answer("sinfo", "main*|1:00:00|8000|8|(null)")
    return commands


def test_it_is_refused_before_anything_is_written(study: StubStudy, silent: FakeCommands) -> None:
    done = study.forget("run", "--study", "small", "--on", "slurm", "--cluster", "ci", status=3)
    assert "would lack what does not load without a network" in done.stderr
    assert f"model {study.folder / 'ant'}" in done.stderr or "model ant" in done.stderr
    assert "offline = false" in done.stderr
    assert silent.heard("sbatch") == []
    assert not study.out.exists()


def test_what_fetches_it_is_named(study: StubStudy, silent: FakeCommands) -> None:
    text = study.registry.read_text()
    study.registry.write_text(text.replace(str(study.folder / "ant"), "qwen3-1.7b"))
    command = ("run", "--study", "small", "--on", "slurm", "--cluster", "ci")
    done = study.forget(*command, status=3)
    assert "hf download Qwen/Qwen3-1.7B" in done.stderr
    assert silent.heard("sbatch") == []


def test_a_node_that_lacks_something_begins_nothing(
    study: StubStudy, cluster: SlurmCluster
) -> None:
    study.ask()
    study.advance()
    cluster.wait(lambda: not cluster.jobs(), timeout_s=120)
    ledger = study.ledger
    assert ledger.quarantined.keys() == {BASE, PREPARE}
    assert all("missing on its node" in found.why for found in ledger.quarantined.values())
    assert all("checks found a problem" in found.last for found in ledger.quarantined.values())
    assert len(ledger.jobs) == 4
    assert not (study.folder / "worked").exists()
