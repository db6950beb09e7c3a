"""What the runs of a plan need, each thing once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from forget.dataset import Dataset
from forget.doctor.data import look_at_benchmark, look_at_dataset, look_at_nltk
from forget.doctor.diagnosis import Check, Found, fetch_data
from forget.doctor.models import Models, fetch_model
from forget.doctor.network import is_offline
from forget.evaluation.exam import BenchmarkExam
from forget.inference.models import ModelReference
from forget.plan import PendingRun, Plan, Run
from forget.restriction import Restricted
from forget.session import Session
from forget.store.manifest import read_manifest
from forget.teaching import TeacherChoice
from forget.training.processes import check_processes

__all__ = ["needs"]


def needs(plan: Plan, session: Session) -> Iterator[Check]:
    """Yield the checks of all that is needed; models first, whose tokenizers the others take."""
    models = Models(session)
    yield from _pending(plan.pending)
    yield from _models(plan.runs, models)
    yield from _teachers(plan.runs)
    yield from _processes(plan.runs)
    yield from _datasets(plan.runs, session, models)
    yield from _replay(plan.runs, session)
    yield from _benchmarks(plan.runs, session, models)


def _pending(pending: Sequence[PendingRun]) -> Iterator[Check]:
    for name in dict.fromkeys(run.waits_for for run in pending):
        waiting = [run for run in pending if run.waits_for == name]

        def look(waiting: list[PendingRun] = waiting) -> Found:
            what = f"{len(waiting)} run(s) of the study wait for it"
            return Found(what, "warning", waiting[0].remedy)

        yield Check("plugin", name, look)


def _models(runs: Sequence[Run], models: Models) -> Iterator[Check]:
    students = {run.model.name: run.model for run in runs}
    taught = {t.model.name: t.model for t in _asked(runs).values() if t.model is not None}
    for model in students.values():
        yield _model(model, models, evaluated=True)
    for name, model in taught.items():
        if name not in students:
            yield _model(model, models, evaluated=False)


def _model(model: ModelReference, models: Models, *, evaluated: bool) -> Check:
    def look() -> Found:
        return models.look(model, evaluated=evaluated)

    return Check("model", model.name, look, fetch_model(model))


def _asked(runs: Sequence[Run]) -> dict[str, TeacherChoice]:
    """Return the teachers that have yet to write, by what tells them apart."""
    return {
        repr(run.teacher.frozen()): run.teacher
        for run in runs
        if run.teacher is not None and read_manifest(run.folder.data) is None
    }


def _teachers(runs: Sequence[Run]) -> Iterator[Check]:
    for teacher in _asked(runs).values():

        def look(teacher: TeacherChoice = teacher) -> Found:
            teacher.check()
            if teacher.model is not None or teacher.settings is None:
                return Found(f"what the kind {teacher.provided.record.name} needs is there")
            return Found(
                "asks a server, which was not asked now",
                "warning" if is_offline() else "ok",
                "see to it that the machine which prepares data reaches it" if is_offline() else "",
            )

        yield Check("teacher", teacher.name, look)


def _processes(runs: Sequence[Run]) -> Iterator[Check]:
    """Where there are GPUs, a training must not want more of them."""
    for count in sorted({run.settings.num_processes for run in runs} - {1}):

        def look(count: int = count) -> Found:
            check_processes(count)
            return Found("as many are possible here")

        yield Check("training", f"{count} processes", look)


def _datasets(runs: Sequence[Run], session: Session, models: Models) -> Iterator[Check]:
    found: dict[str, tuple[str, Dataset]] = {}
    for run in runs:
        dataset: Dataset = run.dataset.record
        if run.restriction is None:
            found.setdefault(dataset.name, (dataset.name, dataset))
            continue
        label = f"{dataset.name}, {run.restriction.label}"
        found.setdefault(label, (dataset.name, Restricted(dataset, run.restriction)))
    for label, (name, dataset) in found.items():

        def look(dataset: Dataset = dataset) -> Found:
            return look_at_dataset(dataset, session.mirror, models)

        yield Check("dataset", label, look, fetch_data([name], session.mirror))


def _replay(runs: Sequence[Run], session: Session) -> Iterator[Check]:
    sources = {
        run.replay.name: run.replay
        for run in runs
        if run.replay is not None and read_manifest(run.folder.replay) is None
    }
    for name, source in sources.items():

        def look(source=source) -> Found:  # type: ignore[no-untyped-def]
            return Found(f"{len(source.conversations(session.mirror)):,} examples to replay")

        fetch = fetch_data([name], session.mirror) if source.dataset is not None else ""
        yield Check("replay", name, look, fetch)


def _benchmarks(runs: Sequence[Run], session: Session, models: Models) -> Iterator[Check]:
    exams = {
        exam.name: exam for run in runs for exam in run.exams if isinstance(exam, BenchmarkExam)
    }
    nltk = {path: exam for exam in exams.values() for path in exam.benchmark.nltk}
    for path, exam in nltk.items():

        def find(path: str = path, exam: BenchmarkExam = exam) -> Found:
            return look_at_nltk(path, exam.benchmark, session.mirror)

        yield Check("NLTK", Path(path).name, find, fetch_data([exam.name], session.mirror))
    for name, exam in exams.items():

        def look(exam: BenchmarkExam = exam) -> Found:
            return look_at_benchmark(exam, models)

        yield Check("benchmark", name, look, fetch_data([name], session.mirror))
