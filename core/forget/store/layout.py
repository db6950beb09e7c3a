"""Where things are below the output folder.

runs/<study>/<model>/<dataset>/<method>/seed-<n>/   one run
evaluations/<model digest>/<benchmark>-<hash>/<engine fingerprint>/   shared by every run
trajectories/<dataset>/<teacher>-<digest>/           completions of a teacher, shared by every run
reports/                                            what `forget report` wrote
requests/                                           what was asked of this folder
slurm/                                              jobs of a cluster: scripts, logs, records
"""

from __future__ import annotations

import re
from pathlib import Path

import attrs

from forget.errors import DataError

__all__ = ["TOP_FOLDERS", "RunFolder", "Workspace", "checkpoint_name", "checkpoint_step", "slug"]

TOP_FOLDERS = ("runs", "evaluations", "trajectories", "reports", "requests", "slurm")
"""What stands directly below the output folder."""

_STEP = re.compile(r"^step-(\d{6,})$")


def slug(name: str) -> str:
    """Make a folder name of any name: ``Qwen/Qwen3-4B`` -> ``Qwen--Qwen3-4B``."""
    return re.sub(r"[^A-Za-z0-9._+-]", "-", name.replace("/", "--")).lstrip(".") or "_"


def checkpoint_name(step: int) -> str:
    """Name the folder of the checkpoint after `step` optimiser steps; step 0 is the base model."""
    return f"step-{step:06d}"


def checkpoint_step(name: str) -> int | None:
    """Return the step of a checkpoint folder's name, None if it is not one."""
    match = _STEP.match(name)
    return int(match.group(1)) if match else None


@attrs.frozen
class RunFolder:
    """One run directory."""

    path: Path

    @property
    def runfile(self) -> Path:
        """The resolved settings and provenance."""
        return self.path / "run.toml"

    @property
    def data(self) -> Path:
        """The prepared training data."""
        return self.path / "data"

    @property
    def replay(self) -> Path:
        """The general examples that are mixed in."""
        return self.path / "replay"

    @property
    def base_scores(self) -> Path:
        """The base model's log-probabilities of the training data."""
        return self.path / "base-scores"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoint folders."""
        return self.path / "checkpoints"

    @property
    def drift(self) -> Path:
        """What the distance from the base is measured on."""
        return self.path / "drift"

    @property
    def drift_journal(self) -> Path:
        """Each checkpoint's distance from the base, a line each."""
        return self.path / "drift.jsonl"

    @property
    def transforms(self) -> Path:
        """Models made of checkpoints without training."""
        return self.path / "transforms"

    @property
    def curve(self) -> Path:
        """The training curve, a line each."""
        return self.path / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """The training curve again, where a run reports to TensorBoard."""
        return self.path / "tensorboard"

    @property
    def reported(self) -> Path:
        """How far the training curve is known to which tracker."""
        return self.path / "reported.json"

    @property
    def sweep(self) -> Path:
        """Which evaluations belong to the run."""
        return self.path / "sweep.json"

    @property
    def work_logs(self) -> Path:
        """What the processes said that an executor started, a file for each unit."""
        return self.path / "work"

    @property
    def work_journal(self) -> Path:
        """What each stage took that was done by itself."""
        return self.path / "work.jsonl"

    @property
    def lock(self) -> Path:
        """Held by the process that works on the run."""
        return self.path / ".lock"

    @property
    def evaluating(self) -> Path:
        """A file for each process that evaluates models of the run without holding `lock`."""
        return self.path / ".evaluating"

    @property
    def log(self) -> Path:
        """What libraries had to say."""
        return self.path / "run.log"

    def steps(self) -> list[int]:
        """List the steps of the checkpoint folders, ascending; complete or not."""
        if not self.checkpoints.is_dir():
            return []
        found = (checkpoint_step(child.name) for child in self.checkpoints.iterdir())
        return sorted(step for step in found if step is not None)

    def checkpoint(self, step: int) -> Path:
        """Return the folder of one checkpoint."""
        return self.checkpoints / checkpoint_name(step)


@attrs.frozen
class Workspace:
    """The output folder."""

    root: Path

    @classmethod
    def of_run(cls, path: Path) -> Workspace:
        """Return the output folder of a run directory: six levels up, see `run`.

        Raises:
            DataError: The folder does not stand where runs do.
        """
        above = path.resolve().parents
        if len(above) < 6 or above[4].name != "runs":
            raise DataError(
                f"{path} does not stand where runs do, in OUT/runs/STUDY/MODEL/DATASET/METHOD/"
                "seed-N, so its evaluations cannot be found. Move it back there."
            )
        return cls(above[5])

    def run(self, study: str, model: str, dataset: str, method: str, seed: int) -> RunFolder:
        """Return the run directory of one cell of a study."""
        parts = (slug(study), slug(model), slug(dataset), slug(method))
        return RunFolder(self.root.joinpath("runs", *parts, f"seed-{seed}"))

    def runs(self) -> list[RunFolder]:
        """List every run directory that has a `run.toml`, by path."""
        found = (self.root / "runs").glob("*/*/*/*/seed-*/run.toml")
        return [RunFolder(path.parent) for path in sorted(found)]

    def runs_begun(self) -> list[RunFolder]:
        """List every run directory, also those where nothing is frozen yet, by path."""
        found = (self.root / "runs").glob("*/*/*/*/seed-*")
        return [RunFolder(path) for path in sorted(found)]

    @property
    def trajectories(self) -> Path:
        """The folder of all teachers' completions."""
        return self.root / "trajectories"

    @property
    def requests(self) -> Path:
        """The folder of what was asked for."""
        return self.root / "requests"

    @property
    def slurm(self) -> Path:
        """The folder of everything that has to do with a cluster's jobs."""
        return self.root / "slurm"

    def evaluations_of(self, model_digest: str) -> Path:
        """Return the folder of one model's evaluations."""
        return self.root / "evaluations" / model_digest[:16]

    def evaluation(self, model_digest: str, benchmark: str, fingerprint: str) -> Path:
        """Return the folder of one model's evaluation on one benchmark."""
        return self.evaluations_of(model_digest) / benchmark / fingerprint

    def comparison(self, identity: str) -> Path:
        """Return the record of one `forget eval`."""
        return self.root / "reports" / f"comparison-{identity}.json"

    def comparisons(self) -> list[Path]:
        """List the records of `forget eval`, oldest first."""
        found = (self.root / "reports").glob("comparison-*.json")
        return sorted(found, key=lambda path: path.stat().st_mtime)
