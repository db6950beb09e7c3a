"""One run carried out: prepare, train, evaluate base and checkpoints, record.

Each step finds out by itself what is already done, so calling `carry_out` again continues.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.dataset import Dataset
from forget.evaluation.record import ModelLine, SweepRecord, write_record
from forget.evaluation.sweep import Sweep
from forget.inference.models import obtain_model
from forget.inference.weights import model_digest
from forget.method import Checking, Method, PrepareTask, TrainTask
from forget.plan import Run, wise_folders, wise_name
from forget.progress import Progress
from forget.provenance import provenance
from forget.restriction import Restricted, Restriction
from forget.session import Session
from forget.store import runfile
from forget.store.layout import checkpoint_name
from forget.store.lock import exclusive
from forget.store.manifest import read_manifest, verify
from forget.teaching import TeacherChoice
from forget.training import processes
from forget.training.interpolation import interpolate
from forget.training.replay import write_replay
from forget.training.tracking import check_trackers

__all__ = [
    "BASE",
    "Stages",
    "TrainedModel",
    "carry_out",
    "check_frozen",
    "check_ready",
    "preflight",
    "refresh_record",
    "trained_models",
]

BASE = "base"
"""What the base model is called among the models of a run."""


def carry_out(run: Run, session: Session, progress: Progress) -> SweepRecord:
    """Do all that is left of a run; killed at any moment, calling it again continues.

    Raises:
        FrozenRunError: The run directory was made with other settings.
        BusyError: Another process works on the run.
        ForgetError: A step failed; what is finished is kept.
    """
    with exclusive(run.folder.lock, "prepare") as tell:
        stages = Stages(run, session, progress)
        stages.prepare()
        tell("evaluate", BASE)
        stages.evaluate([BASE])
        tell("train")
        record = stages.train()
        for line in record.checkpoints:
            tell("evaluate", line.name)
            stages.evaluate([line.name])
        return record


class Stages:
    """The stages of one run, each of which does what is left of it and nothing else.

    `prepare` and `train` are for one process at a time: hold the run's lock.

    Args:
        run: The run; its model is fetched or converted if it is not on this machine.
        session: What it works with.
        progress: Where to report.

    Raises:
        ModelError: The model cannot be had.
    """

    def __init__(self, run: Run, session: Session, progress: Progress) -> None:
        self._run = attrs.evolve(run, model=obtain_model(run.model, progress))
        assert self._run.model.folder is not None
        self._base = self._run.model.folder
        self._session, self._progress = session, progress
        with progress.task("checking the model's files", None):
            digest = self._run.model.digest()
        self._sweep = session.sweep(run.exams, self._base)
        self._digests = {BASE: digest}

    def prepare(self) -> None:
        """Freeze the settings, have the teacher write, and write the training data.

        Raises:
            FrozenRunError: The run directory was made with other settings.
            ModelError: The teacher's model cannot be had.
        """
        run = self._run
        # A teacher that has done its work is not needed any more, on this machine or at all.
        teacher = run.teacher if verify(run.folder.data) is None else None
        if teacher is not None:
            teacher = teacher.obtain(self._progress)
        if not _begun(run):
            run.folder.runfile.unlink(missing_ok=True)
        frozen = {**run.frozen(), "model_digest": self._digests[BASE]}
        runfile.freeze(run.folder.runfile, frozen, provenance(run, self._session))
        _prepare(run, teacher, self._session, self._base, self._progress)

    def train(self) -> SweepRecord:
        """Train to the end, make what is made of the last checkpoint, and write what there is."""
        run = self._run
        self._sweep.engine.release()  # training needs the memory
        _train(run, self._base, self._progress)
        interpolated = wise_folders(run)
        if interpolated:
            interpolate(self._base, _last(run), interpolated, self._progress, replace=True)
        record = _record(run, self._sweep, self._digest_of)
        write_record(run.folder.sweep, record)
        return record

    def unfinished(self, name: str) -> bool:
        """Say whether something of a model is not scored yet, or what was written is damaged."""
        digest = model_digest(self._models()[name].folder, recompute=False)
        return not self._sweep.is_whole(digest)

    def evaluate(self, names: Sequence[str]) -> None:
        """Score models by their names."""
        models = self._models()
        for name in names:
            model = models[name]
            self._sweep.run(model.folder, self._digest_of(model), name, self._progress)

    def _models(self) -> dict[str, TrainedModel]:
        base = TrainedModel(BASE, 0, self._base)
        there = [model for model in trained_models(self._run) if model.folder.is_dir()]
        return {model.name: model for model in (base, *there)}

    def _digest_of(self, model: TrainedModel) -> str:
        """Read a model through once: that takes seconds for each gigabyte."""
        if model.name not in self._digests:
            self._digests[model.name] = model_digest(model.folder)
        return self._digests[model.name]


def refresh_record(run: Run, session: Session) -> SweepRecord:
    """Write anew which evaluations belong to a trained run, and return it.

    Benchmarks and their number of items are not frozen, and what evaluates may be another machine
    than the one that trained.

    Raises:
        ModelError: A checkpoint is damaged.
    """
    sweep = session.sweep(run.exams, run.model.folder)
    record = _record(run, sweep, lambda model: model_digest(model.folder, recompute=False))
    write_record(run.folder.sweep, record)
    return record


def preflight(runs: Sequence[Run], session: Session, *, elsewhere: bool = False) -> None:
    """Find whatever can still be wrong with settled runs, before anything is written.

    Data that several of them have in common are read once.

    Args:
        runs: The runs.
        session: What they work with.
        elsewhere: Whether another machine does the work: this one needs no GPUs then, and no
            engine of a teacher.

    Raises:
        FrozenRunError: A run directory holds a run with other settings.
        DataError: A data file, or the file of examples to replay, is corrupt or not there.
        RequestError: A teacher, which is still needed, cannot be used on this machine, or what a
            method's settings name is not what it must be.
        SettingsError: It has fewer GPUs than a training is to have processes, or a tracker cannot
            be used.
    """
    for run in runs:
        check_frozen(run) if elsewhere else check_ready(run)
        if isinstance(run.method.record, Checking) and read_manifest(run.folder.data) is None:
            run.method.record.check(run.settings)
    for exam in {exam.key(): exam for run in runs for exam in run.exams}.values():
        exam.check()
    for run in {_training_key(run): run for run in runs}.values():
        _training_dataset(run).load("train", session.mirror)
    for run in runs:
        if run.replay is not None and read_manifest(run.folder.replay) is None:
            run.replay.conversations(session.mirror)


def _training_key(run: Run) -> tuple[str, str]:
    return run.dataset.record.name, run.restriction.label if run.restriction else ""


def check_ready(run: Run) -> None:
    """Find what can be wrong with a settled run without reading any data.

    Raises:
        FrozenRunError: The run directory holds a run with other settings.
        RequestError: The teacher, which is still needed, cannot be used on this machine.
        SettingsError: It has fewer GPUs than the training is to have processes, or a tracker cannot
            be used.
    """
    check_frozen(run)
    processes.check_processes(run.settings.num_processes)
    check_trackers(run.settings.report_to)
    if run.teacher is not None and read_manifest(run.folder.data) is None:
        run.teacher.check()


def check_frozen(run: Run, *, model: bool = True) -> None:
    """Refuse a run directory that holds a run with other settings, before anything is done.

    Args:
        run: The run.
        model: Compare the base model too, whose files may have to be read for it.

    Raises:
        FrozenRunError: The difference is in the message.
    """
    if not run.folder.runfile.exists() or not _begun(run):
        return
    frozen = runfile.read(run.folder.runfile).get("settings", {})
    wanted = run.frozen()
    if "model_digest" in frozen:  # known only once the model is on this machine
        there = model and run.model.folder is not None
        # Read through when the run is carried out, before anything is done with it.
        wanted["model_digest"] = (
            run.model.digest(recompute=False) if there else frozen["model_digest"]
        )
    runfile.check_same(run.folder.runfile, frozen, wanted)


def _begun(run: Run) -> bool:
    """Say whether a run is what its `run.toml` says, and may not become another.

    One that was refused while its data were prepared, or whose teacher wrote nothing to learn from,
    has made nothing yet, and its settings are what must be changed. A teacher's completions are in
    a store of their own.
    """
    return run.folder.data.exists() or bool(run.folder.steps())


def _prepare(
    run: Run, teacher: TeacherChoice | None, session: Session, model: Path, progress: Progress
) -> None:
    method: Method = run.method.record
    task = PrepareTask(
        dataset=_training_dataset(run),
        data=session.mirror,
        model=model,
        settings=run.settings,
        seed=run.seed,
        output=run.folder.data,
        teacher=teacher.open(session) if teacher else None,
        teacher_identity=teacher.identity(session.machine) if teacher else {},
        trajectories=session.workspace.trajectories,
        progress=progress,
    )
    method.prepare(task)
    if run.replay is not None:
        replay = attrs.evolve(task, output=run.folder.replay, teacher=None)
        write_replay(replay, run.replay, own=run.folder.data)
    if run.restriction is not None:
        _note_left_out(run, run.restriction, progress)


def _note_left_out(run: Run, restriction: Restriction, progress: Progress) -> None:
    """Say it if a run trains on fewer questions than it was to, or it would not be comparable."""
    from forget.training.examples import read_examples

    asked = len(restriction.questions)
    used = len({row.question for row in read_examples(run.folder.data)} & restriction.questions)
    if used < asked:
        progress.note(
            f"{asked - used:,} of the {asked:,} questions of {restriction.source} are left out for "
            "their length, or by max_train_examples, so that this run is on other questions than "
            "that one. Raise max_length to have them."
        )


def _training_dataset(run: Run) -> Dataset:
    dataset: Dataset = run.dataset.record
    return dataset if run.restriction is None else Restricted(dataset, run.restriction)


def _train(run: Run, model: Path, progress: Progress) -> None:
    processes.train(
        run.method.record,
        TrainTask(
            dataset=run.dataset.record,
            model=model,
            data=run.folder.data,
            output=run.folder.path,
            settings=run.settings,
            seed=run.seed,
            replay=run.folder.replay if run.replay is not None else None,
            progress=progress,
        ),
    )


class TrainedModel(NamedTuple):
    """A model of a run that is compared with its base."""

    name: str
    step: int
    folder: Path


def _last(run: Run) -> Path:
    return run.folder.checkpoint(run.folder.steps()[-1])


def trained_models(run: Run) -> list[TrainedModel]:
    """List the checkpoints by their steps, then what is to be made of the last one."""
    steps = run.folder.steps()
    found = [
        TrainedModel(checkpoint_name(step), step, run.folder.checkpoint(step)) for step in steps
    ]
    for alpha, folder in wise_folders(run).items() if steps else ():
        found.append(TrainedModel(wise_name(checkpoint_name(steps[-1]), alpha), steps[-1], folder))
    return found


def _record(run: Run, sweep: Sweep, digest_of: Callable[[TrainedModel], str]) -> SweepRecord:
    assert run.model.folder is not None

    def line(model: TrainedModel) -> ModelLine:
        digest = digest_of(model)
        return ModelLine(
            name=model.name,
            step=model.step,
            digest=digest,
            evaluations=sweep.relative_folders(digest),
            drift=_drift(model.folder),
        )

    *benchmarks, task = run.exams
    return SweepRecord(
        title=run.title,
        base_model=run.model.name,
        benchmarks=tuple(exam.name for exam in benchmarks),
        task=task.name,
        base=line(TrainedModel(BASE, 0, run.model.folder)),
        checkpoints=tuple(line(model) for model in trained_models(run)),
        fingerprint=dict(sweep.engine.fingerprint()),
    )


def _drift(folder: Path) -> dict[str, Any]:
    """Return what a checkpoint's manifest says of its distance from the base."""
    manifest = read_manifest(folder)
    return dict(manifest.details.get("drift", {})) if manifest is not None else {}
