"""One run carried out: prepare, train, evaluate base and checkpoints, record.

Each step finds out by itself what is already done, so calling `carry_out` again continues.
"""

from __future__ import annotations

from pathlib import Path

import attrs

from forget.dataset import Dataset
from forget.evaluation.record import ModelLine, SweepRecord, write_record
from forget.evaluation.sweep import Sweep
from forget.inference.models import obtain_model
from forget.inference.weights import model_digest
from forget.method import Method, PrepareTask, TrainTask
from forget.plan import Run
from forget.progress import Progress
from forget.provenance import provenance
from forget.restriction import Restricted
from forget.session import Session
from forget.store import runfile
from forget.store.layout import checkpoint_name
from forget.store.lock import exclusive

__all__ = ["carry_out", "check_frozen", "preflight"]


def carry_out(run: Run, session: Session, progress: Progress) -> SweepRecord:
    """Do all that is left of a run; killed at any moment, calling it again continues.

    Raises:
        FrozenRunError: The run directory was made with other settings.
        ForgetError: A step failed; what is finished is kept.
    """
    with exclusive(run.folder.lock):
        return _carry_out(run, session, progress)


def _carry_out(run: Run, session: Session, progress: Progress) -> SweepRecord:
    run = attrs.evolve(run, model=obtain_model(run.model, progress))
    if run.teacher is not None:
        run = attrs.evolve(run, teacher=run.teacher.obtain(progress))
    base = run.model.folder
    assert base is not None
    with progress.task("checking the model's files", None):
        digest = run.model.digest()
    frozen = {**run.frozen(), "model_digest": digest}
    runfile.freeze(run.folder.runfile, frozen, provenance(run, session))
    sweep = session.sweep(run.exams, base)
    _prepare(run, session, base, progress)
    sweep.run(base, digest, "base", progress)
    sweep.engine.release()  # training needs the memory
    _train(run, base, progress)
    record = _record(run, sweep, digest)
    write_record(run.folder.sweep, record)
    for line in record.checkpoints:
        assert line.step is not None
        sweep.run(run.folder.checkpoint(line.step), line.digest, line.name, progress)
    return record


def preflight(run: Run, session: Session) -> None:
    """Find whatever can still be wrong with a settled run, before anything is written.

    Raises:
        FrozenRunError: The run directory holds a run with other settings.
        DataError: A data file is corrupt.
    """
    check_frozen(run)
    for exam in run.exams:
        exam.check()
    _training_dataset(run).load("train", session.mirror)


def check_frozen(run: Run) -> None:
    """Refuse a run directory that holds a run with other settings, before anything is done.

    Raises:
        FrozenRunError: The difference is in the message.
    """
    if not run.folder.runfile.exists():
        return
    frozen = runfile.read(run.folder.runfile).get("settings", {})
    wanted = run.frozen()
    if "model_digest" in frozen:  # known only once the model is on this machine
        here = run.model.digest() if run.model.folder is not None else frozen["model_digest"]
        wanted["model_digest"] = here
    runfile.freeze(run.folder.runfile, wanted, {})


def _prepare(run: Run, session: Session, model: Path, progress: Progress) -> None:
    method: Method = run.method.record
    teacher = run.teacher
    method.prepare(
        PrepareTask(
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
    )


def _training_dataset(run: Run) -> Dataset:
    dataset: Dataset = run.dataset.record
    return dataset if run.restriction is None else Restricted(dataset, run.restriction)


def _train(run: Run, model: Path, progress: Progress) -> None:
    method: Method = run.method.record
    method.train(
        TrainTask(
            dataset=run.dataset.record,
            model=model,
            data=run.folder.data,
            output=run.folder.path,
            settings=run.settings,
            seed=run.seed,
            progress=progress,
        )
    )


def _record(run: Run, sweep: Sweep, base_digest: str) -> SweepRecord:
    *benchmarks, task = run.exams
    checkpoints = []
    for step in run.folder.steps():
        digest = model_digest(run.folder.checkpoint(step))
        checkpoints.append(_line(checkpoint_name(step), step, digest, sweep))
    return SweepRecord(
        title=run.title,
        base_model=run.model.name,
        benchmarks=tuple(exam.name for exam in benchmarks),
        task=task.name,
        base=_line("base", 0, base_digest, sweep),
        checkpoints=tuple(checkpoints),
        fingerprint=dict(sweep.engine.fingerprint()),
    )


def _line(name: str, step: int, digest: str, sweep: Sweep) -> ModelLine:
    return ModelLine(
        name=name, step=step, digest=digest, evaluations=sweep.relative_folders(digest)
    )
