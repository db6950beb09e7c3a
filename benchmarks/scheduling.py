"""What scheduling costs: a sweep by the local executor beside the same sweep by one command.

    python benchmarks/scheduling.py [--data MIRROR] [--benchmarks core10] [--items N] [--repeat N]

A short training makes checkpoints. Then base and checkpoints are evaluated, each time anew: by
`forget work evaluate`, by the executor with one slot, and with two; last it does the whole run.

Lost is the time that slots waited for a process: before each one, and after the last one until the
executor says it is done. What a process takes to start is given apart, and how long a slot is idle
when only others still work.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import click

from forget.plan import RunRequest, plan
from forget.scheduler.local import Job, LocalExecutor, find_slots
from forget.session import open_session


class Sweep(NamedTuple):
    """How a sweep went.

    Attributes:
        wall_s: From the beginning to the end [s].
        lives: The processes that did a part of it.
        work_s: What their work took by their own account [s].
        slots: How many could be at work at a time.
    """

    wall_s: float
    lives: Sequence[Life]
    work_s: float
    slots: int

    @property
    def start_s(self) -> float:
        """What a process does before and after its work, on average [s]."""
        return (sum(life.seconds for life in self.lives) - self.work_s) / len(self.lives)

    @property
    def lost_s(self) -> float:
        """What slots waited for processes, one slot's waiting after the other's [s]."""
        ends = [0.0] * self.slots
        waited = 0.0
        for life in sorted(self.lives):
            slot = ends.index(min(ends))
            waited += life.begun - ends[slot]
            ends[slot] = life.ended
        return waited + self.wall_s - max(ends)

    @property
    def idle_s(self) -> float:
        """How long slots had nothing left to do while others worked [s]."""
        at_work = sum(life.seconds for life in self.lives)
        return self.slots * self.wall_s - at_work - self.lost_s


class Life(NamedTuple):
    """When a process began and ended, from the beginning of its sweep [s]."""

    begun: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it lived."""
        return self.ended - self.begun


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), help="Data mirror.")
@click.option("--model", default="smollm2-135m", show_default=True)
@click.option("--benchmarks", default="mini", show_default=True)
@click.option("--items", default=20, show_default=True, help="Items of each benchmark.")
@click.option("--checkpoints", default=4, show_default=True)
@click.option("--repeat", default=2, show_default=True)
def main(data: Path | None, repeat: int, **options: Any) -> None:
    if data is not None:
        os.environ["FORGET_DATA"] = str(data.absolute())
    with tempfile.TemporaryDirectory() as folder:
        study = Study(Path(folder), **options)
        study.train()
        for number in range(repeat):
            click.echo(f"round {number + 1} of {repeat}")
            hand = study.by_hand()
            _tell("forget work evaluate", hand)
            for slots in (1, 2):
                _tell(f"--slots {slots}", study.by_executor(slots))
            _tell("--slots 1, data and training too", study.by_executor(1, whole=True))


def _tell(what: str, sweep: Sweep) -> None:
    available = sweep.slots * sweep.wall_s
    click.echo(
        f"{what}: {sweep.wall_s:.1f} s in {len(sweep.lives)} process(es), started in "
        f"{sweep.start_s:.1f} s each; lost {sweep.lost_s:.2f} s, "
        f"{100 * sweep.lost_s / available:.2f} %; idle at the end {sweep.idle_s:.1f} s"
    )


@attrs.frozen
class Study:
    """One run with a few checkpoints, of which each sweep has a copy."""

    folder: Path
    model: str
    benchmarks: str
    items: int
    checkpoints: int

    def train(self) -> None:
        """Make the checkpoints."""
        for stage in ("prepare", "train"):
            self._forget(self.folder / "trained", "work", stage)

    def by_hand(self) -> Sweep:
        """Evaluate base and checkpoints by one command."""
        out = self._copy()
        begun = time.perf_counter()
        self._forget(out, "work", "evaluate")
        took = time.perf_counter() - begun
        return Sweep(took, [Life(0.0, took)], self._work_s(out), 1)

    def by_executor(self, slots: int, *, whole: bool = False) -> Sweep:
        """Evaluate them as `forget run --on local` does; `whole` prepares and trains before."""
        out = self._empty() if whole else self._copy()
        lives: list[Life] = []

        def tell(job: Job, status: int | None) -> None:
            if status is not None:
                lives.append(Life(job.started - begun, time.monotonic() - begun))

        session = open_session(out=out)
        request = self._request()
        begun = time.monotonic()
        runs = plan(request, session).runs
        executor = LocalExecutor(runs, request, session, find_slots(session, slots), tell)
        executor.run()
        took = time.monotonic() - begun
        if executor.failures:
            raise click.ClickException(str(next(iter(executor.failures.values()))))
        return Sweep(took, lives, self._work_s(out), slots)

    def _settings(self) -> dict[str, str]:
        return {
            "max_steps": str(self.checkpoints),
            "checkpoint_every": "1",
            "batch_size": "1",
            "micro_batch_size": "1",
            "max_train_examples": "20",
            "drift_prompts": "0",
        }

    def _request(self) -> RunRequest:
        return RunRequest(
            method="gt-sft",
            model=self.model,
            benchmarks=tuple(self.benchmarks.split(",")),
            limit=self.items,
            overrides=self._settings(),
        )

    def _forget(self, out: Path, *words: str) -> None:
        options = [
            f"--model={self.model}",
            "--method=gt-sft",
            f"--benchmarks={self.benchmarks}",
            f"--limit={self.items}",
            *(f"--set={name}={value}" for name, value in self._settings().items()),
            f"--out={out}",
        ]
        command = [sys.executable, "-P", "-m", "forget", *words, *options]
        subprocess.run(command, check=True, capture_output=True)

    def _copy(self) -> Path:
        """Copy the trained run; its files stay where they are on the disk."""
        out = self._empty()
        shutil.copytree(self.folder / "trained", out, copy_function=os.link)
        for journal in out.rglob("work.jsonl"):
            journal.unlink()
        return out

    def _empty(self) -> Path:
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        return out

    def _work_s(self, out: Path) -> float:
        [journal] = out.rglob("work.jsonl")
        lines = journal.read_text().splitlines()
        return sum(float(json.loads(line)["seconds"]) for line in lines)


if __name__ == "__main__":
    main()
