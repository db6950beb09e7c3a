"""A whole study in small on a real Slurm: submitted by one command, done without another."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scheduler.slurm.small_study import SmallStudy, make_models
from slurm_cluster import SlurmCluster, slurm_cluster
from test_run import results

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1500)]

MEMORY_CAP_MB = 2304
"""Two jobs of 1 GiB and two caretakers of 1/8 GiB."""
CAPS = "memory_cap_gb = 2.25\njob_cap = 4"


class Watch:
    """The queue as it was sampled: the most there was of anything at once.

    Attributes:
        memory_mb: Memory of running and pending jobs [MiB].
        jobs: How many they were.
        working: How many of them did work.
        samples: How often it was looked.
    """

    def __init__(self) -> None:
        self.memory_mb = self.jobs = self.working = self.samples = 0

    def look(self, cluster: SlurmCluster) -> None:
        """Look once."""
        lines = [
            line.split()
            for line in cluster.ask("squeue", "-h", "-o", "%m %T %j").splitlines()
            if not line.endswith("COMPLETING")
        ]
        self.samples += 1
        self.memory_mb = max(self.memory_mb, sum(_megabytes(line[0]) for line in lines))
        self.jobs = max(self.jobs, len(lines))
        self.working = max(self.working, sum("-care-" not in line[2] for line in lines))


def _megabytes(text: str) -> int:
    return int(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]


@contextmanager
def watched(cluster: SlurmCluster) -> Iterator[Watch]:
    """Sample the queue of a cluster while the block runs."""
    watch, over = Watch(), threading.Event()

    def sample() -> None:
        while not over.wait(0.2):
            watch.look(cluster)

    thread = threading.Thread(target=sample)
    thread.start()
    try:
        yield watch
    finally:
        over.set()
        thread.join()


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.mark.parametrize("mode", ["none", "dbd"])
def test_it_is_done_alone_and_within_the_caps(
    mode: str, models: list[Path], data_root: Path, tmp_path: Path
) -> None:
    whole = SmallStudy(tmp_path / "study", models, data_root, CAPS)
    with slurm_cluster(tmp_path / "slurm", mode) as cluster, watched(cluster) as watch:
        first = whole.submit(cluster)
        assert len(first["submitted"]) == 2
        assert first["held"] >= 0
        cluster.wait(lambda: not cluster.jobs(), timeout_s=1200)
    states = whole.units()
    assert len(states) == 2 * 3 * (3 * 4 + 1)  # a base for each dataset; two checkpoints a run
    assert set(states.values()) == {"done"}
    assert len(results(whole.out)) > 100
    assert watch.samples > 100
    assert watch.memory_mb <= MEMORY_CAP_MB
    assert watch.jobs <= 4
    assert watch.working == 2
