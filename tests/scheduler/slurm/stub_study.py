"""A study on a real Slurm whose jobs do no work, or what a test says instead of it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from forget.plan import RunRequest
from forget.scheduler.requests import Asked, remember
from forget.scheduler.slurm.advance import Advanced, advance
from forget.scheduler.slurm.ledger import Ledger, SlurmJob
from forget.scheduler.slurm.place import Place
from forget.session import Session, open_session
from scheduler.slurm.small_study import SmallStudy
from slurm_cluster import SlurmCluster
from tiny_models import make_hollow_model

BASE = "small/ant/arithmetic/base"
PREPARE = "small/ant/arithmetic/gt-sft/seed-0/prepare"

_INSTEAD = """\
#!/bin/bash
# `forget` as a container starts it; what works is done by a script beside this one.
if [ "$5" = work ]; then source {work}; elif [ ! -e {quiet} ]; then exec "$@"; fi
"""


def empty(cluster: SlurmCluster) -> None:
    """Cancel everything, those that wait first: they would start when another one ends."""

    def emptied() -> bool:
        cluster.ask("scancel", "--me", "--state=PENDING")
        cluster.ask("scancel", "--me")
        return not cluster.jobs()

    cluster.wait(emptied)


class StubStudy(SmallStudy):
    """One model, one dataset, one method: a base and data are ready, and never done.

    Args:
        folder: Where everything of it is.
        cluster: More keys of the cluster.
        work: A line of shell that jobs do instead of work.
    """

    def __init__(self, folder: Path, cluster: str = "", work: str = "sleep 60") -> None:
        folder.mkdir()
        self.work, self.name = folder / "work.sh", "ci"
        self.does(work)
        instead = folder / "forget.sh"
        self._quiet = folder / "quiet"
        work, quiet = (shlex.quote(str(path)) for path in (self.work, self._quiet))
        instead.write_text(_INSTEAD.format(work=work, quiet=quiet))
        container = f"container = {json.dumps(['bash', str(instead)])}"
        model = make_hollow_model(folder / "ant")
        super().__init__(
            folder, [model], None, f"{container}\n{cluster}",
            datasets=["arithmetic"], methods=["gt-sft"],
        )  # fmt: skip
        self.registry = folder / "forget.toml"
        self.notes: list[str] = []

    def does(self, work: str) -> None:
        """Change what jobs do instead of work."""
        self.work.write_text(f"{work}\n")

    def hushes(self) -> None:
        """Have jobs do no pass from now on: what a test sees is what its own passes did."""
        self._quiet.touch()

    @property
    def place(self) -> Place:
        """Where its jobs are."""
        return Place(self.session.workspace, self.name)

    @property
    def session(self) -> Session:
        """What it works with."""
        return open_session(out=self.out, registries=[self.registry])

    @property
    def ledger(self) -> Ledger:
        """What was submitted, and how it ended."""
        return Ledger(self.place.ledger)

    @property
    def newest(self) -> SlurmJob:
        """The job that was submitted last."""
        return list(self.ledger.jobs.values())[-1]

    def ask(self, **request: int) -> Asked:
        """Write down that it is asked for."""
        return remember(RunRequest(study="small", **request), self.session, self.name)

    def advance(self) -> Advanced:
        """Do one pass, here in this process."""
        return advance(self.place, self.notes.append)

    def caretakers(self, cluster: SlurmCluster) -> dict[int, str]:
        """Return how many before it did not get through to number, of each caretaker there is."""
        lines = map(str.split, cluster.ask("squeue", "-h", "-o", "%A %j").splitlines())
        named = f"{self.place.prefix}-care-"
        return {int(name.removeprefix(named)): job for job, name in lines if name.startswith(named)}

    def detail(self, cluster: SlurmCluster, job: str, key: str) -> str:
        """Return what the controller says of a job under a key."""
        words = cluster.ask("scontrol", "show", "job", "-o", job).split()
        return next(word.partition("=")[2] for word in words if word.startswith(f"{key}="))
