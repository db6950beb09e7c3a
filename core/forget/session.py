"""What a command works with: catalogue, plugins, data, models, output folder, machine."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import attrs

from forget.benchmark import Benchmark
from forget.catalogue import Catalogue, load_catalogue
from forget.dataset import Dataset
from forget.errors import RequestError, UnknownNameError
from forget.evaluation.exam import BenchmarkExam, Exam, TaskExam
from forget.evaluation.shards import Shard
from forget.evaluation.sweep import Sweep
from forget.inference.engine import Engine
from forget.inference.machine import Device, Dtype, Machine, resolve_machine
from forget.inference.models import ModelReference, find_model
from forget.mirror import Mirror, chosen_mirror
from forget.plugins import Plugins, load_plugins
from forget.store.atomic import ensure_writable
from forget.store.layout import TOP_FOLDERS, Workspace

__all__ = ["EngineOptions", "Session", "check_engine", "check_output", "open_session"]

EngineName = Literal["auto", "builtin", "vllm", "stock"]


@attrs.frozen(kw_only=True)
class EngineOptions:
    """What models are evaluated with, as asked for.

    Attributes:
        engine: `auto` is the built-in engine, or lm-eval's own model for models it cannot run;
            `vllm` writes texts with vLLM and scores with the built-in engine.
        device: `auto` takes the GPU if there is one.
        dtype: Number format; `auto` is bfloat16 on a GPU, else float32.
        batch_size: Sequences in one forward pass of lm-eval's own model.
    """

    engine: EngineName = "auto"
    device: Device = "auto"
    dtype: Dtype = "auto"
    batch_size: int = 16


@attrs.frozen(kw_only=True)
class Session:
    """Everything that is the same for all runs of one command.

    Attributes:
        catalogue: The merged registry.
        plugins: The plugins of this environment.
        mirror: Where data comes from.
        workspace: The output folder.
        options: What models are evaluated with.
        registries: Registry files that were laid over the shipped one, for processes it starts.
        elsewhere: The machine whose evaluations are looked for, where this one only looks.
        lazy: Data and model folders are not looked at when they are named: `forget doctor` looks
            at each by itself, and names all that is missing.
    """

    catalogue: Catalogue
    plugins: Plugins
    mirror: Mirror
    workspace: Workspace
    options: EngineOptions = attrs.field(factory=EngineOptions)
    registries: Sequence[Path] = ()
    elsewhere: Machine | None = None
    lazy: bool = False

    def model(self, name: str) -> ModelReference:
        """Return the model of a name, a Hub id or a folder.

        Raises:
            UnknownNameError: It is none of these.
            ModelError: It is a folder that is not a usable model.
        """
        return find_model(name, self.catalogue, check=not self.lazy)

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
        for exam in () if self.lazy else exams:
            exam.key()
        return list(exams)

    def task_exam(self, dataset: Dataset, limit: int | None) -> Exam:
        """Return the held-out split of a dataset as an exam, its data checked.

        Raises:
            DataError: The split cannot be read.
        """
        _check_limit(limit)
        exam = TaskExam(dataset, self.mirror, limit)
        if not self.lazy:
            exam.key()
        return exam

    @property
    def machine(self) -> Machine:
        """What models are evaluated on."""
        return self.elsewhere or resolve_machine(self.options.device, self.options.dtype)

    def sweep(
        self, exams: Sequence[Exam], model: Path | None = None, shard: Shard | None = None
    ) -> Sweep:
        """Return the sweep of some exams on this session's machine.

        Args:
            exams: What models are scored on.
            model: A model folder: decides about the engine where it is chosen automatically.
            shard: The part of the work that is done here; None does all of it.
        """
        return Sweep(self.workspace, self.engine(model), exams, shard)

    def engine(self, model: Path | None) -> Engine:
        """Return the engine for a model folder, or for one that is not known yet."""
        if self.options.engine == "stock" or (
            self.options.engine == "auto" and self.why_stock(model)
        ):
            from forget.evaluation.stock import StockEngine

            return StockEngine(self.machine, self.options.batch_size)
        if self.options.engine == "vllm":
            from forget.inference.vllm_engine import VllmEngine

            return VllmEngine(self.machine)
        from forget.inference.builtin import BuiltinEngine

        return BuiltinEngine(self.machine)

    def why_stock(self, model: Path | None) -> str | None:
        """Say why the built-in engine cannot run a model; None if it can, or is not known yet."""
        from forget.inference.support import unsupported
        from forget.inference.weights import adapter_base

        if model is None:
            return None
        base = adapter_base(model)
        return unsupported(Path(base) if base else model)


def open_session(
    *,
    out: Path,
    data: Path | None = None,
    registries: Sequence[Path] = (),
    options: EngineOptions | None = None,
    lazy: bool = False,
) -> Session:
    """Read registry and plugins and check where output goes; nothing is written.

    Args:
        out: The output folder.
        data: A data mirror; the environment variable FORGET_DATA if None; else the Hub.
        registries: Registry files laid over the shipped one.
        options: What models are evaluated with.
        lazy: Open it whatever output folder, engine, data and models are like; see `Session.lazy`.

    Raises:
        CatalogueError: A registry file is wrong.
        PluginError: Plugins are in conflict.
        OutputError: The output folder cannot be written.
        DataError: The data mirror is not there.
        RequestError: The engine cannot be used as asked for.
    """
    options = options or EngineOptions()
    if options.batch_size < 1:
        raise RequestError(f"--batch-size must be at least 1, but is {options.batch_size}.")
    if not lazy:
        check_engine(options)
        check_output(out)
    return Session(
        catalogue=load_catalogue(registries),
        plugins=load_plugins(),
        mirror=chosen_mirror(data),
        workspace=Workspace(out.absolute()),
        options=options,
        registries=tuple(registries),
        lazy=lazy,
    )


def check_output(out: Path) -> None:
    """Check that an output folder, and what is made below it, can be written.

    Raises:
        OutputError: One of the folders cannot.
    """
    for folder in (out, *(out / name for name in TOP_FOLDERS)):
        ensure_writable(folder)


def check_engine(options: EngineOptions) -> None:
    """Check that what the engine needs is installed.

    Raises:
        RequestError: It is not, or the engine does not run on the device.
    """
    if options.engine == "vllm":
        from forget.inference.vllm_engine import check_vllm

        check_vllm(resolve_machine(options.device, options.dtype))


def _check_limit(limit: int | None) -> None:
    if limit is not None and limit < 1:
        raise RequestError(
            f"--limit must be at least 1, but is {limit}. Leave it out to score all items."
        )
