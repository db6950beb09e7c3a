"""What is done of a run and what is left to do, from what is on disk alone: `--dry-run`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from forget.dataset import Dataset
from forget.evaluation.exam import Exam
from forget.evaluation.sweep import Sweep
from forget.inference.models import ModelReference
from forget.inference.weights import model_digest
from forget.plan import Run, wise_folders, wise_name
from forget.session import Session
from forget.store.layout import checkpoint_name
from forget.store.manifest import read_manifest
from forget.training.interpolation import is_interpolation
from forget.training.trajectories.settings import TrajectorySettings
from forget.training.trajectories.store import open_store, read_contents

__all__ = ["Step", "comparison_outlook", "outlook"]


class Step(NamedTuple):
    """One line of `--dry-run`."""

    what: str
    state: str
    done: bool


def outlook(run: Run, session: Session) -> list[Step]:
    """Say what is done and what is left to do of a run, from what is on disk alone."""
    steps = [_model_step(run.model), *_teacher_steps(run, session)]
    steps.append(_data_step("prepare data", run.folder.data))
    if run.replay is not None:
        steps.append(_data_step(f"prepare replay of {run.replay.name}", run.folder.replay))
    published = [s for s in run.folder.steps() if read_manifest(run.folder.checkpoint(s))]
    steps.append(_training_step(run, published))
    sweep = session.sweep(run.exams, run.model.folder)
    steps.append(_base_step(run.model, sweep))
    for step in published:
        digest = model_digest(run.folder.checkpoint(step), recompute=False)
        steps.append(_sweep_step(checkpoint_name(step), digest, sweep))
    if not published:
        steps.append(Step("evaluate checkpoints", _exam_names(run.exams), done=False))
    steps += _wise_steps(run, published, sweep)
    return steps


def comparison_outlook(
    base: ModelReference, checkpoints: Sequence[Path], exams: Sequence[Exam], session: Session
) -> list[Step]:
    """Say what is done and what is left to do of a comparison with a base model."""
    sweep = session.sweep(exams, base.folder)
    steps = [_model_step(base), _base_step(base, sweep)]
    for folder in checkpoints:
        steps.append(_sweep_step(str(folder), model_digest(folder, recompute=False), sweep))
    return steps


def _base_step(base: ModelReference, sweep: Sweep) -> Step:
    if base.folder is None:
        return Step("evaluate base", _exam_names(sweep.exams), done=False)
    return _sweep_step("base", base.digest(recompute=False), sweep)


def _model_step(model: ModelReference) -> Step:
    if model.folder is not None:
        return Step(f"model {model.name}", f"is at {model.folder}", done=True)
    return Step(f"model {model.name}", "to be fetched or converted", done=False)


def _teacher_steps(run: Run, session: Session) -> list[Step]:
    """Say how many completions of the run's teacher are on disk."""
    if run.teacher is None or not isinstance(run.settings, TrajectorySettings):
        return []
    what = f"ask the teacher {run.teacher.name}"
    model = run.teacher.model
    if read_manifest(run.folder.data) is not None:
        return [Step(what, "done", done=True)]
    if model is not None and model.folder is None:
        return [Step(what, f"to do; its model {model.name} is to be fetched first", done=False)]
    dataset: Dataset = run.dataset.record
    store = open_store(
        session.workspace.trajectories,
        dataset.name,
        run.teacher.name,
        teacher=run.teacher.identity(session.machine, recompute=False),
        sampling=run.settings.sampling_identity(dataset.max_new_tokens),
    )
    here = len(read_contents(store.folder).completions)
    return [Step(what, f"begun, {here:,} completions are here" if here else "to do", done=False)]


def _data_step(what: str, folder: Path) -> Step:
    manifest = read_manifest(folder)
    if manifest is None:
        return Step(what, "to do", done=False)
    return Step(what, f"done, {manifest.details.get('rows')} examples", done=True)


def _training_step(run: Run, published: Sequence[int]) -> Step:
    """The record of the sweep is written when the training has ended."""
    done = run.folder.sweep.is_file()
    saved = f"checkpoints at steps {', '.join(map(str, published))}" if published else ""
    state = saved if done else f"begun, {saved}" if saved else "to do"
    return Step(f"train by {run.method.record.title}", state, done)


def _wise_steps(run: Run, published: Sequence[int], sweep: Sweep) -> Iterator[Step]:
    """The last checkpoint is known when the training has ended."""
    ended = run.folder.sweep.is_file() and published
    last = checkpoint_name(published[-1]) if ended else "last checkpoint"
    for alpha, folder in wise_folders(run).items():
        name = wise_name(last, alpha)
        if ended and is_interpolation(folder):
            yield Step(f"make {name}", "done", done=True)
            yield _sweep_step(name, model_digest(folder, recompute=False), sweep)
        else:
            yield Step(f"make {name}", "to do", done=False)
            yield Step(f"evaluate {name}", _exam_names(sweep.exams), done=False)


def _sweep_step(label: str, digest: str, sweep: Sweep) -> Step:
    missing = sweep.missing(digest)
    if not missing:
        return Step(f"evaluate {label}", "done", done=True)
    done = len(sweep.exams) - len(missing)
    names = _exam_names(missing)
    return Step(f"evaluate {label}", f"{done} of {len(sweep.exams)} done; left: {names}", False)


def _exam_names(exams: Sequence[Exam]) -> str:
    return ", ".join(exam.name for exam in exams)
