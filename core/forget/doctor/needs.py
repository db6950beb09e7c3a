"""What the runs of a plan need, each thing once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from forget.dataset import Dataset
from forget.doctor.data import look_at_benchmark, look_at_dataset, look_at_nltk
from forget.doctor.diagnosis import Check, Found, fetch_data
from forget.doctor.models import Models, fetch_model
from forget.doctor.network import is_offline
from forget.evaluation.exam import BenchmarkExam
from forget.method import Tracker
from forget.mirror import Mirror
from forget.plan import PendingRun, Plan, Run
from forget.restriction import Restricted
from forget.session import Session
from forget.store.manifest import read_manifest
from forget.teaching import TeacherChoice
from forget.training.processes import check_processes
from forget.training.replay import ReplaySource
from forget.training.tracking import check_trackers

__all__ = ["needs"]


def needs(plan: Plan, session: Session) -> Iterator[Check]:
    """Yield the checks of all that is needed; models first, whose tokenizers the others take."""
    models = Models(session)
    yield from _pending(plan.pending)
    yield from _models(plan.runs, models)
    yield from _teachers(plan.runs)
    yield from _processes(plan.runs)
    yield from _trackers(plan.runs)
    yield from _datasets(plan.runs, session, models)
    yield from _replay(plan.runs, session)
    yield from _benchmarks(plan.runs, session, models)


def _pending(pending: Sequence[PendingRun]) -> Iterator[Check]:
    for name in dict.fromkeys(run.waits_for for run in pending):
        waiting = [run for run in pending if run.waits_for == name]
        text = f"{len(waiting)} run(s) of the study wait for it"
        yield Check("plugins", name, partial(Found, text, "note", waiting[0].remedy))


def _models(runs: Sequence[Run], models: Models) -> Iterator[Check]:
    students = {run.model.name: run.model for run in runs}
    taught = {t.model.name: t.model for t in _asked(runs) if t.model is not None}
    for name, model in {**taught, **students}.items():
        look = partial(models.look, model, evaluated=name in students)
        yield Check("model", name, look, fetch_model(model))


def _asked(runs: Sequence[Run]) -> list[TeacherChoice]:
    """Return the teachers that have yet to write, each once."""
    found = {
        repr(run.teacher.frozen()): run.teacher
        for run in runs
        if run.teacher is not None and read_manifest(run.folder.data) is None
    }
    return list(found.values())


def _teachers(runs: Sequence[Run]) -> Iterator[Check]:
    for teacher in _asked(runs):
        yield Check("teacher", teacher.name, partial(_look_at_teacher, teacher))


def _look_at_teacher(teacher: TeacherChoice) -> Found:
    teacher.check()
    if teacher.model is not None or teacher.settings is None:
        return Found(f"all that {teacher.provided.record.name} needs is installed")
    if not is_offline():
        return Found("a server, which was not asked")
    remedy = "see to it that the machine that prepares the data reaches it"
    return Found("a server, which was not asked", "note", remedy)


def _processes(runs: Sequence[Run]) -> Iterator[Check]:
    for count in sorted({run.settings.num_processes for run in runs} - {1}):
        yield Check("training", f"{count} processes", partial(_look_at_processes, count))


def _trackers(runs: Sequence[Run]) -> Iterator[Check]:
    for name in sorted({name for run in runs for name in run.settings.report_to}):
        yield Check("training", name, partial(_look_at_tracker, name))


def _look_at_tracker(name: Tracker) -> Found:
    check_trackers([name])
    return Found("installed, and takes the curve")


def _look_at_processes(count: int) -> Found:
    check_processes(count)
    return Found("this machine can have as many")


def _datasets(runs: Sequence[Run], session: Session, models: Models) -> Iterator[Check]:
    found: dict[str, Dataset] = {}
    for run in runs:
        dataset: Dataset = run.dataset.record
        if run.restriction is None:
            found[dataset.name] = dataset
        else:
            label = f"{dataset.name}, {run.restriction.label}"
            found[label] = Restricted(dataset, run.restriction)
    for label, dataset in found.items():
        look = partial(look_at_dataset, dataset, session.mirror, models)
        yield Check("dataset", label, look, fetch_data([dataset.name], session.mirror))


def _replay(runs: Sequence[Run], session: Session) -> Iterator[Check]:
    sources = {
        run.replay.name: run.replay
        for run in runs
        if run.replay is not None and read_manifest(run.folder.replay) is None
    }
    for name, source in sources.items():
        fetch = fetch_data([name], session.mirror) if source.dataset is not None else ""
        yield Check("replay", name, partial(_look_at_replay, source, session.mirror), fetch)


def _look_at_replay(source: ReplaySource, mirror: Mirror) -> Found:
    return Found(f"{len(source.conversations(mirror)):,} examples, all read")


def _benchmarks(runs: Sequence[Run], session: Session, models: Models) -> Iterator[Check]:
    mirror = session.mirror
    exams = {
        exam.name: exam for run in runs for exam in run.exams if isinstance(exam, BenchmarkExam)
    }
    pieces = {path: exam.benchmark for exam in exams.values() for path in exam.benchmark.nltk}
    for path, needing in pieces.items():
        look = partial(look_at_nltk, path, needing, mirror)
        yield Check("NLTK", Path(path).name, look, fetch_data([needing.name], mirror))
    for name, exam in exams.items():
        look = partial(look_at_benchmark, exam, models)
        yield Check("benchmark", name, look, fetch_data([name], mirror))
