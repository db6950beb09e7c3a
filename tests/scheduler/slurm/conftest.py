"""What the tests of jobs share: a real Slurm for each file, and commands that stand in for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from scheduler.slurm.fake_commands import FakeCommands
from scheduler.slurm.stub_study import empty
from slurm_cluster import SlurmCluster, slurm_cluster


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    """Slurm's commands as far as a test has them answer."""
    return FakeCommands(tmp_path / "bin", monkeypatch)


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmCluster]:
    """A real Slurm without accounting."""
    with slurm_cluster(tmp_path_factory.mktemp("slurm") / "ci") as cluster:
        yield cluster


@pytest.fixture
def cluster(running: SlurmCluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[SlurmCluster]:
    """The cluster, empty, for this process as well."""
    for name, value in running.variables.items():
        monkeypatch.setenv(name, value)
    yield running
    empty(running)
