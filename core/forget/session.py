"""What a command works with: catalogue, plugins, data, models, output folder, machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import attrs

from forget.benchmark import Benchmark
from forget.catalogue import Catalogue, load_catalogue
from forget.dataset import Dataset
from forget.errors import RequestError, UnknownNameError
from forget.evaluation.exam import BenchmarkExam, Exam, TaskExam
from forget.evaluation.sweep import Sweep
from forget.inference.machine import Device, Dtype, Machine, resolve_machine
from forget.mirror import Mirror
from forget.plugins import Plugins, load_plugins
from forget.store.atomic import ensure_writable
from forget.store.layout import TOP_FOLDERS, Workspace

__all__ = ["Session", "open_session"]


@attrs.frozen(kw_only=True)
class Session:
    """Everything that is the same for all runs of one command.

    Attributes:
        catalogue: The merged registry.
        plugins: The plugins of this environment.
        mirror: Where data comes from.
        workspace: The output folder.
        device: As asked for; `auto` takes the GPU if there is one.
        dtype: Number format of evaluation, as asked for.
        batch_size: Sequences in one forward pass of evaluation.
    """

    catalogue: Catalogue
    plugins: Plugins
    mirror: Mirror
    workspace: Workspace
    device: Device = "auto"
    dtype: Dtype = "auto"
    batch_size: int = 16

    def benchmarks(self, selection: Sequence[str]) -> list[Benchmark]:
        """Return the benchmarks of a list of benchmark and suite names.

        Raises:
            UnknownNameError: A name is neither.
        """
        known = {**self.catalogue.suites, **self.plugins.all("benchmarks")}
        for name in selection:
            if name not in known and name not in self.catalogue.benchmarks:
                raise UnknownNameError("benchmark or suite", name, known)
        names = self.catalogue.benchmark_names(selection)
        return [self.plugins.get("benchmarks", name, self.catalogue).record for name in names]

    def exams(self, selection: Sequence[str], limit: int | None) -> list[Exam]:
        """Return the benchmarks of a selection as exams, their data files checked.

        Raises:
            RequestError: The limit leaves nothing to score.
            UnknownNameError: A name is neither benchmark nor suite.
            DataError: The mirror lacks a file of one.
        """
        _check_limit(limit)
        exams = [
            BenchmarkExam(benchmark, self.mirror, limit) for benchmark in self.benchmarks(selection)
        ]
        for exam in exams:
            exam.key()
        return list(exams)

    def task_exam(self, dataset: Dataset, limit: int | None) -> Exam:
        """Return the held-out split of a dataset as an exam, its data checked.

        Raises:
            DataError: The split cannot be read.
        """
        _check_limit(limit)
        exam = TaskExam(dataset, self.mirror, limit)
        exam.key()
        return exam

    @property
    def machine(self) -> Machine:
        """What models are evaluated on."""
        return resolve_machine(self.device, self.dtype)

    def sweep(self, exams: Sequence[Exam]) -> Sweep:
        """Return the sweep of some exams on this session's machine."""
        from forget.evaluation.stock import StockEngine

        engine = StockEngine(self.machine, self.batch_size)
        return Sweep(self.workspace, engine, exams)


def open_session(
    *,
    out: Path,
    data: Path | None = None,
    registries: Sequence[Path] = (),
    device: Device = "auto",
    dtype: Dtype = "auto",
    batch_size: int = 16,
) -> Session:
    """Read registry and plugins and check where output goes; nothing is written.

    Args:
        out: The output folder.
        data: A data mirror; the environment variable FORGET_DATA if None; else the Hub.
        registries: Registry files laid over the shipped one.
        device: Where models run.
        dtype: Number format of evaluation.
        batch_size: Sequences in one forward pass of evaluation.

    Raises:
        CatalogueError: A registry file is wrong.
        PluginError: Plugins are in conflict.
        OutputError: The output folder cannot be written.
        DataError: The data mirror is not there.
    """
    if batch_size < 1:
        raise RequestError(f"--batch-size must be at least 1, but is {batch_size}.")
    root = data or (Path(os.environ["FORGET_DATA"]) if os.environ.get("FORGET_DATA") else None)
    for folder in (out, *(out / name for name in TOP_FOLDERS)):
        ensure_writable(folder)
    return Session(
        catalogue=load_catalogue(registries),
        plugins=load_plugins(),
        mirror=Mirror(root=root.absolute() if root else None),
        workspace=Workspace(out.absolute()),
        device=device,
        dtype=dtype,
        batch_size=batch_size,
    )


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise RequestError(
            f"--limit must be at least 1, but is {limit}. Leave it out to score all items."
        )
