"""A whole study in small on a real Slurm: submitted by one command, done without another."""

from __future__ import annotations

import json
import random
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from scheduler.slurm.small_study import SmallStudy, make_models
from slurm_cluster import SlurmCluster, slurm_cluster
from test_run import results

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]

MEMORY_CAP_MB = 2816
"""Two jobs of 1 GiB and three caretakers of 1/4 GiB."""
CAPS = "memory_cap_gb = 2.75\njob_cap = 5\n"
UNITS = 2 * 3 * (3 * 4 + 1)
"""Each run is prepared, trained, and has two checkpoints; a base for each model and dataset."""

POISONED = "small/ant/arithmetic/gt-sft/seed-0/evaluate/step-000002"


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
        """Look once; a controller that is being restarted does not answer."""
        try:
            said = cluster.ask("squeue", "-h", "-o", "%m %T %j")
        except subprocess.CalledProcessError:
            return
        lines = [line.split() for line in said.splitlines()]
        self.samples += 1
        self.memory_mb = max(self.memory_mb, sum(_megabytes(line[0]) for line in lines))
        self.jobs = max(self.jobs, len(lines))
        self.working = max(self.working, sum("-care-" not in line[2] for line in lines))


def _megabytes(text: str) -> int:
    return int(text[:-1]) * {"M": 1, "G": 1024}[text[-1]]


@contextmanager
def repeated(action: Callable[[], None], every_s: float) -> Iterator[None]:
    """Do something again and again in a thread while the block runs."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(every_s):
            action()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def wait_until_over(cluster: SlurmCluster, timeout_s: float) -> None:
    """Wait until the queue has been empty for some seconds."""
    end, empty = time.monotonic() + timeout_s, 0
    while empty < 10:
        assert time.monotonic() < end, cluster.ask("squeue", "-t", "all")
        time.sleep(0.5)
        with suppress(subprocess.CalledProcessError):
            empty = 0 if cluster.jobs() else empty + 1


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return make_models(tmp_path_factory.mktemp("models"))


@pytest.fixture(scope="module")
def calm(
    models: list[Path], data_root: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[SmallStudy, Watch]:
    """The study as nobody disturbs it, without accounting."""
    folder, watch = tmp_path_factory.mktemp("calm"), Watch()
    study = SmallStudy(folder / "study", models, data_root, CAPS)
    with slurm_cluster(folder / "slurm") as cluster:
        study.submit(cluster)
        with repeated(lambda: watch.look(cluster), 0.2):
            wait_until_over(cluster, 1200)
    return study, watch


def test_it_is_done_alone_and_within_the_caps(calm: tuple[SmallStudy, Watch]) -> None:
    study, watch = calm
    states = study.units()
    assert len(states) == UNITS
    assert set(states.values()) == {"done"}
    [report] = (study.out / "reports").glob("small-*.json")
    found = json.loads(report.read_text())
    assert len(found["runs"]) == 18
    assert all(len(run["checkpoints"]) == 2 for run in found["runs"])
    assert "every run's last checkpoint" in report.with_suffix(".txt").read_text()
    assert watch.samples > 100
    assert watch.memory_mb <= MEMORY_CAP_MB
    assert watch.jobs <= 5
    assert watch.working == 2


@contextmanager
def small_disk(folder: Path) -> Iterator[Path]:
    """Give a folder on a disk of its own, which is small."""
    folder.mkdir()
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=256m", "none", str(folder)], check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        pytest.skip(f"no disk can be made that can be filled: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


class Blows:
    """Strikes the cluster in one way after another.

    Attributes:
        struck: How often in each way.
    """

    def __init__(self, cluster: SlurmCluster, disk: Path) -> None:
        self._cluster, self._disk, self._random = cluster, disk, random.Random(0)
        self._ways = (
            self.cancel, self.requeue, self.fill_disk, self.cancel, self.crash_node,
            self.restart_controller,
        )  # fmt: skip
        self.struck: dict[str, int] = {}
        self._turn = 0

    def strike(self) -> None:
        """Strike once."""
        way = self._ways[self._turn % len(self._ways)]
        self._turn += 1
        try:
            struck = way()
        except subprocess.CalledProcessError:
            return
        self.struck[way.__name__] = self.struck.get(way.__name__, 0) + bool(struck)

    def _jobs(self, state: str) -> list[str]:
        return [job for job, found in self._cluster.jobs().items() if found == state]

    def cancel(self) -> bool:
        """Cancel a job, but not the last one: that would be to stop the study."""
        jobs = [*self._jobs("RUNNING"), *self._jobs("PENDING")]
        if len(jobs) > 1:
            self._cluster.ask("scancel", self._random.choice(jobs))
        return len(jobs) > 1

    def requeue(self) -> bool:
        """Have Slurm start a running job again."""
        jobs = self._jobs("RUNNING")
        if jobs:
            self._cluster.ask("scontrol", "requeue", self._random.choice(jobs))
        return bool(jobs)

    def crash_node(self) -> bool:
        """Have a node die with all its jobs, and come back."""
        self._cluster.do("crash-node", "1")
        self._cluster.ask("scontrol", "update", "nodename=n1", "state=down", "reason=crash")
        self._cluster.do("start-node", "1")
        self._cluster.ask("scontrol", "update", "nodename=n1", "state=resume")
        return True

    def restart_controller(self) -> bool:
        """End the controller, and start it again."""
        self._cluster.do("restart-ctld")
        return True

    def fill_disk(self) -> bool:
        """Fill the disk of the output folder for some seconds."""
        filler = self._disk / "filler"
        with suppress(OSError), filler.open("wb") as file:
            while True:
                file.write(bytes(1 << 20))
        time.sleep(3)
        filler.unlink(missing_ok=True)
        return True


def test_whatever_strikes_it_ends_the_same(
    calm: tuple[SmallStudy, Watch], models: list[Path], data_root: Path, tmp_path: Path
) -> None:
    """With accounting; one checkpoint cannot be evaluated, and memory is short at first."""
    whole = results(calm[0].out)
    sweep = json.loads((calm[0].out / run_of(POISONED) / "sweep.json").read_text())
    digest = sweep["checkpoints"][1]["digest"][:16]
    watch = Watch()
    settings = f"{CAPS}time_limit_min = 1\n[clusters.ci.stages.prepare]\nmemory_gb = 0.5\n"
    with small_disk(tmp_path / "disk") as disk, slurm_cluster(tmp_path / "slurm", "dbd") as cluster:
        study = SmallStudy(disk / "study", models, data_root, settings)
        (study.out / "evaluations").mkdir(parents=True)
        (study.out / "evaluations" / digest).write_text("no folder can be made here")
        study.submit(cluster)
        blows = Blows(cluster, disk)
        with repeated(lambda: watch.look(cluster), 0.2), repeated(blows.strike, 8):
            wait_until_over(cluster, 1500)
        shutil.copytree(cluster.folder / "log", tmp_path / "slurm-log")
        kept = tmp_path / "kept"
        shutil.copytree(study.out, kept)
        states = study.units()
    print(blows.struck, watch.__dict__)
    left = {name for name, state in states.items() if state != "done"}
    assert left == {POISONED}
    assert results(kept) == {name: text for name, text in whole.items() if digest not in name}
    written = (kept / "slurm/ci/ledger.jsonl").read_text()
    events = [json.loads(line) for line in written.splitlines()]
    given_up = [event["unit"] for event in events if event["event"] == "quarantined"]
    assert given_up == [POISONED]
    assert all(count > 3 for count in blows.struck.values()), blows.struck
    assert len(blows.struck) == 5
    ends = {unit["how"] for event in events if event["event"] == "ended" for unit in event["units"]}
    assert {"memory", "failed"} <= ends
    assert watch.memory_mb <= MEMORY_CAP_MB
    assert watch.jobs <= 5
    submitted = sum(event["event"] == "submitted" for event in events)
    assert submitted < 10 * UNITS


def run_of(unit: str) -> str:
    """Return the run directory of a unit, below the output folder."""
    return f"runs/{unit.partition('/evaluate')[0]}"
