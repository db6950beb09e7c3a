"""Sweeps in real processes: beside each other, and killed at any moment."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import attrs
import pytest

from forget.evaluation.shards import Shard

pytestmark = pytest.mark.slow

KILLED = signal.SIGKILL
"""How `os.waitpid` says it."""


class Job(NamedTuple):
    """A sweep of the base and its checkpoints."""

    out: Path
    shard: Shard | None = None
    kill_after_s: float | None = None


@attrs.define
class Sweeps:
    """A process that has imported everything, of which sweeps are forked."""

    process: subprocess.Popen[str]
    models: Sequence[Path]

    def run(self, *jobs: Job) -> tuple[list[int], float]:
        """Start sweeps at the same time; return how they ended and how long they took [s]."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        plain = [
            {
                "out": str(job.out),
                "models": [str(folder) for folder in self.models],
                "shard": str(job.shard) if job.shard else None,
                "kill_after_s": job.kill_after_s,
            }
            for job in jobs
        ]
        print(json.dumps(plain), file=self.process.stdin, flush=True)
        answer = json.loads(self.process.stdout.readline())
        return answer["statuses"], answer["seconds"]


class Calm(NamedTuple):
    """What one undisturbed process finds, and how long it takes."""

    results: dict[str, bytes]
    seconds: float


@pytest.fixture(scope="module")
def sweeps(lively_model: Path, make_checkpoints: Callable[..., list[Path]]) -> Iterator[Sweeps]:
    with subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("processes.py")), str(lively_model)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Sweeps(process, [lively_model, *make_checkpoints(lively_model, 2)])
        process.communicate()


@pytest.fixture(scope="module")
def calm(sweeps: Sweeps, tmp_path_factory: pytest.TempPathFactory) -> Calm:
    outs = [tmp_path_factory.mktemp("calm") for _ in range(2)]
    seconds = []
    for out in outs:
        statuses, took_s = sweeps.run(Job(out))
        assert statuses == [0]
        seconds.append(took_s)
    found = results(outs[0])
    assert results(outs[1]) == found
    assert sum(name.endswith("items.parquet") for name in found) == 2 * 3
    assert len(set(found.values())) > 2 * 3
    return Calm(found, min(seconds))


def results(out: Path) -> dict[str, bytes]:
    """Return what a sweep found, by path, to the byte."""
    kept = ("results.json", "items.parquet")
    found = (path for path in sorted(out.rglob("*")) if path.name in kept)
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in found}


def left_behind(out: Path) -> list[Path]:
    """Return what is there beside results; what shards agreed on stays, and is none of it."""
    hidden = (path for path in out.rglob(".*") if not path.name.startswith(".shards-"))
    return [*hidden, *(path for path in out.rglob("*") if "partial" in path.name)]


def check(out: Path, calm: Calm) -> None:
    assert results(out) == calm.results
    assert left_behind(out) == []


# --- shards


@pytest.mark.parametrize("count", [2, 3])
def test_shards_that_start_together_find_what_one_process_finds(
    sweeps: Sweeps, calm: Calm, tmp_path: Path, count: int
) -> None:
    statuses, _ = sweeps.run(*(Job(tmp_path, Shard(k, count)) for k in range(1, count + 1)))
    assert statuses == [0] * count
    check(tmp_path, calm)


def test_a_shard_that_was_killed_is_run_again(sweeps: Sweeps, calm: Calm, tmp_path: Path) -> None:
    """The others go on meanwhile; the one that comes last completes what all have answered."""
    chance = random.Random(4)
    killed = 0
    for trial in range(5):
        out = tmp_path / str(trial)
        after_s = (trial + chance.random()) / 5 * calm.seconds / 2
        (one, other), _ = sweeps.run(
            Job(out, Shard(1, 2)), Job(out, Shard(2, 2), kill_after_s=after_s)
        )
        assert one == 0
        if other == KILLED:
            killed += 1
            assert results(out).items() < calm.results.items()
        assert sweeps.run(Job(out, Shard(2, 2)))[0] == [0]
        check(out, calm)
    assert killed >= 1


def test_a_shard_that_never_ran_is_done_by_the_command_without(
    sweeps: Sweeps, calm: Calm, tmp_path: Path
) -> None:
    statuses, _ = sweeps.run(Job(tmp_path, Shard(1, 3)), Job(tmp_path, Shard(3, 3)))
    assert statuses == [0, 0]
    assert results(tmp_path) == {}
    statuses, _ = sweeps.run(Job(tmp_path))
    assert statuses == [0]
    check(tmp_path, calm)


def test_two_that_do_the_same_spoil_nothing(sweeps: Sweeps, calm: Calm, tmp_path: Path) -> None:
    statuses, _ = sweeps.run(Job(tmp_path), Job(tmp_path))
    assert statuses == [0, 0]
    assert results(tmp_path) == calm.results


TWINS = """
import os, sys
from pathlib import Path
from evaluation.sweeping import DIGEST, MODEL, Sheet, Stub
from forget.evaluation.answers import Answers
from forget.evaluation.sweep import Sweep
from forget.inference.engine import Score
from forget.progress import Silent
from forget.store.layout import Workspace
import pyarrow.parquet

exam = Stub([Score(f"context {number}", " x") for number in range(200)])
outs = [Path(sys.argv[1]) / str(turn) for turn in range(100)]
sweeps = [Sweep(Workspace(out), Sheet(batch=200), [exam]) for out in outs]
for sweep in sweeps:
    work = sweep.engine.prepare(exam.requests(MODEL), MODEL)
    answers = Answers(sweep.folder(DIGEST, exam), work.digest)
    for batch in work.batches:
        answers.add(batch, sweep.engine.answer(work, batch))
pipes, children = [os.pipe(), os.pipe()], []
for twin in (0, 1):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for sweep in sweeps:
                os.write(pipes[twin][1], b".")  # both begin each turn together
                os.read(pipes[1 - twin][0], 1)
                found = sweep.run(MODEL, DIGEST, "twin", Silent())
                assert [evaluation.items for evaluation in found] == [200], found
            status = 0
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os.write(pipes[twin][1], b"." * len(sweeps))
        finally:
            os._exit(status)
    children.append(child)
sys.exit(max(os.waitpid(child, 0)[1] for child in children) >> 8)
"""


def test_two_that_conclude_at_the_same_moment(tmp_path: Path) -> None:
    """All is answered, and both see it: each has the whole result, and it is there once."""
    done = subprocess.run(
        [sys.executable, "-c", TWINS, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = {path.read_bytes() for path in tmp_path.rglob("results.json")}
    assert len(found) == 1
    assert len(list(tmp_path.rglob("manifest.json"))) == 100
    assert left_behind(tmp_path) == []


# --- killed


@pytest.mark.long
def test_killed_at_twenty_random_moments(sweeps: Sweeps, calm: Calm, tmp_path: Path) -> None:
    """After SIGKILL the same command ends with the same results, to the byte."""
    chance = random.Random(5)
    ends = []
    for trial in range(20):
        out = tmp_path / str(trial)
        after_s = (trial + chance.random()) / 20 * calm.seconds
        ends += sweeps.run(Job(out, kill_after_s=after_s))[0]
        assert sweeps.run(Job(out))[0] == [0]
        check(out, calm)
    assert set(ends) <= {0, KILLED}
    assert ends.count(KILLED) >= 8, ends  # a machine that was busy at first may be done sooner


def test_killed_again_and_again(sweeps: Sweeps, calm: Calm, tmp_path: Path) -> None:
    """Each of them gets a little further, for what was answered is never asked again."""
    chance = random.Random(6)
    for _ in range(6):
        (status,), _ = sweeps.run(Job(tmp_path, kill_after_s=chance.random() * calm.seconds / 3))
        assert status in (0, KILLED)
    assert sweeps.run(Job(tmp_path))[0] == [0]
    check(tmp_path, calm)
