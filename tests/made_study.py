"""A study as `benchmarks/status.py` makes it, of which tests take away what is not to be done."""

from __future__ import annotations

import importlib.util
import shutil
from functools import cached_property
from pathlib import Path
from types import ModuleType

from forget.plan import Run
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.collect import collect
from forget.scheduler.tracker.facts import SweepLine, Tracker, TrainingLine
from forget.scheduler.tracker.planned import Planned, plan_again
from forget.scheduler.units import unit_prefix
from forget.session import Session
from forget.store.layout import Workspace

__all__ = ["Study", "make_study"]

SCRIPT = Path(__file__).resolve().parents[1] / "benchmarks" / "status.py"


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmarks_status", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Study:
    """Four runs, GT-SFT, GRPO, SELF/SPIN and PI, of which the first two are done.

    Each has checkpoints at steps 100 and 200, with ten benchmarks and the task scored.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.out = root / "out"
        self.workspace = Workspace(self.out)

    @cached_property
    def planned(self) -> Planned:
        """What was asked, planned once: make another `Study` where the registry has changed."""
        [planned], warnings = plan_again(self.workspace)
        assert warnings == []
        return planned

    def copied(self, root: Path) -> Study:
        """Copy all of it to another folder, which nobody else has."""
        shutil.copytree(self.root, root, dirs_exist_ok=True)
        for file in (root / "registry.toml", *(root / "out" / "requests").iterdir()):
            file.write_text(file.read_text().replace(str(self.root), str(root)))
        return Study(root)

    def with_registry(self, old: str, new: str) -> Study:
        """Change the registry that it was asked with."""
        file = self.root / "registry.toml"
        assert old in file.read_text()
        file.write_text(file.read_text().replace(old, new))
        return Study(self.root)

    @property
    def session(self) -> Session:
        return self.planned.session

    def run(self, method: str) -> Run:
        [found] = [run for run in self.planned.runs if run.method.record.name == method]
        return found

    def unit(self, method: str, *parts: str) -> str:
        return "/".join((unit_prefix(self.run(method)), *parts))

    def untrain(self, method: str, keep: int = 0) -> Run:
        """Leave so many checkpoints of a run, as if the training had been interrupted."""
        run = self.run(method)
        run.folder.sweep.unlink()
        for step in run.folder.steps()[keep:]:
            shutil.rmtree(run.folder.checkpoint(step))
        lines = run.folder.curve.read_text().splitlines(keepends=True)
        run.folder.curve.write_text("".join(lines[: 10 * keep]))
        return run

    def unscore(self, digest: str, *names: str) -> None:
        """Take away a model's evaluations on some benchmarks; without names all of them."""
        folder = self.workspace.evaluations_of(digest)
        for child in list(folder.iterdir()):
            if not names or child.name.startswith(tuple(f"{name}-" for name in names)):
                shutil.rmtree(child)

    def look(self, *jobs: JobLine) -> Tracker:
        return collect(self.workspace, [self.planned], jobs)

    def training(self, method: str, *jobs: JobLine) -> TrainingLine:
        [line] = [x for x in self.look(*jobs).training if f" / {method}" in x.run]
        return line

    def sweep(self, method: str, *jobs: JobLine) -> SweepLine:
        [line] = [x for x in self.look(*jobs).sweeps if f" / {method}" in x.run]
        return line


def make_study(root: Path) -> Study:
    script().make_folder(root, 2, 2)
    return Study(root)
