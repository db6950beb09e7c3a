"""Runs that are on disk and that no request means: what their own files say of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from forget.errors import DataError, FrozenRunError
from forget.evaluation.record import SweepRecord, read_record
from forget.evaluation.sweep import is_evaluation
from forget.plan import Cell
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.facts import RunState, SweepLine, SweepState, TrainingLine
from forget.scheduler.tracker.lines import curve_end
from forget.store import runfile
from forget.store.layout import RunFolder, Workspace
from forget.store.manifest import read_manifest

__all__ = ["Stray", "strays_of"]


class Stray(NamedTuple):
    """What is known of such a run.

    Attributes:
        training: Its training.
        sweep: Its evaluation; None where nobody has recorded what it is to be.
        record: The record that `sweep` is of.
        settings: What it was frozen with.
    """

    training: TrainingLine
    sweep: SweepLine | None
    record: SweepRecord | None
    settings: Mapping[str, Any]


def strays_of(
    workspace: Workspace, known: Collection[Path], jobs: Mapping[str, JobLine]
) -> Iterator[Stray | str]:
    """Yield the runs that are not among the known ones; a text for one that cannot be read."""
    for folder in workspace.runs():
        if folder.path not in known:
            try:
                settings = runfile.read_settings(folder.runfile)
                yield _stray(folder, settings, workspace, jobs)
            except (FrozenRunError, DataError) as error:
                yield str(error)


def _stray(
    folder: RunFolder,
    settings: Mapping[str, Any],
    workspace: Workspace,
    jobs: Mapping[str, JobLine],
) -> Stray:
    record = read_record(folder.sweep) if folder.sweep.is_file() else None
    training = _training(folder, settings, workspace, jobs, ended=record is not None)
    prefix = f"{'/'.join(folder.path.parts[-5:])}/evaluate/"
    at_work = dict.fromkeys(job.job for unit, job in jobs.items() if unit.startswith(prefix))
    sweep = _sweep(training.run, record, workspace, tuple(at_work)) if record else None
    return Stray(training, sweep, record, settings)


def _training(
    folder: RunFolder,
    settings: Mapping[str, Any],
    workspace: Workspace,
    jobs: Mapping[str, JobLine],
    *,
    ended: bool,
) -> TrainingLine:
    study, model, dataset, method, seed = folder.path.parts[-5:]
    number = int(seed.removeprefix("seed-")) if seed.removeprefix("seed-").isdigit() else 0
    own: Mapping[str, Any] = settings.get("method_settings", {})
    steps, data = folder.steps(), read_manifest(folder.data)
    reached = max(steps[-1] if steps else 0, int(curve_end(folder).get("step", 0)))
    prefix = "/".join(folder.path.parts[-5:])
    at_work = any(f"{prefix}/{stage}" in jobs for stage in ("prepare", "generate", "train"))
    return TrainingLine(
        run=Cell(str(settings.get("model", model)), dataset, method, number).title(study),
        path=folder.path.relative_to(workspace.root).as_posix(),
        study=study,
        model=str(settings.get("model", model)),
        dataset=dataset,
        method=method,
        seed=number,
        state=_state(ended=ended, at_work=at_work, reached=reached, prepared=data is not None),
        examples=data.details.get("rows") if data else None,
        checkpoints=len(steps),
        expected_checkpoints=len(steps) if ended else None,
        every=own.get("checkpoint_every"),
        step=reached,
        expected_steps=reached if ended else own.get("max_steps"),
    )


def _state(*, ended: bool, at_work: bool, reached: int, prepared: bool) -> RunState:
    if ended:
        return "done"
    if at_work:
        return "running"
    if reached:
        return "stopped"
    return "data ready" if prepared else "not started"


def _sweep(run: str, record: SweepRecord, workspace: Workspace, jobs: tuple[str, ...]) -> SweepLine:
    models = (record.base, *record.checkpoints)
    found = [
        sum(is_evaluation(f"{workspace.root}/{path}") for path in model.evaluations.values())
        for model in models
    ]
    whole = [len(model.evaluations) for model in models]
    done = sum(count == every for count, every in zip(found, whole, strict=True))
    partly = sum(0 < count < every for count, every in zip(found, whole, strict=True))
    state: SweepState = "partly done" if done or partly else "not started"
    if done == len(models):
        state = "done"
    elif jobs:
        state = "running"
    machine = [record.fingerprint.get(key, "") for key in ("engine", "device", "dtype")]
    return SweepLine(
        run=run,
        done=done,
        total=len(models),
        partly=partly,
        state=state,
        jobs=jobs,
        machine="-".join(filter(None, machine)),
    )
