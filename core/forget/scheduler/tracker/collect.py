"""Gathers all facts of a tracker: from the disk, and from whoever runs jobs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from pathlib import Path

import attrs

from forget.dataset import Dataset
from forget.evaluation.exam import BenchmarkExam
from forget.inventory.prepared import prepared_entries
from forget.inventory.records import Entry
from forget.inventory.stores import store_entries
from forget.method import Method
from forget.plan import Run
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.advice import advice_on, time_left
from forget.scheduler.tracker.facts import Measured, Named, Result, Tracker, TrainingLine
from forget.scheduler.tracker.lines import pending_line, refused_line, sweep_line, training_line
from forget.scheduler.tracker.planned import Planned
from forget.scheduler.tracker.results import Results
from forget.scheduler.tracker.strays import Stray, strays_of
from forget.scheduler.tracker.views import Refused, View, jobs_by_unit, views_of
from forget.store.layout import Workspace

__all__ = ["collect"]


def collect(
    workspace: Workspace,
    planned: Sequence[Planned],
    jobs: Sequence[JobLine] = (),
    *,
    everything: bool = True,
    warnings: Sequence[str] = (),
) -> Tracker:
    """Return what there is to be said of an output folder at this moment.

    Args:
        workspace: The output folder.
        planned: What was asked of it.
        jobs: What is at work on it, waits, or was given up.
        everything: Show also the runs and data that are there and that nobody asked for.
        warnings: What could not be planned, and why.
    """
    by_unit = jobs_by_unit(jobs)
    found = [(request, views_of(request, by_unit)) for request in planned]
    requests = [(request, _views(lines)) for request, lines in found]
    views = [view for _, part in requests for view in part]
    known = {run.folder.path for request in planned for run in request.runs}
    strays = list(strays_of(workspace, known, by_unit)) if everything else []
    told = [stray for stray in strays if isinstance(stray, Stray)]
    pending = [
        pending_line(run, request.session.catalogue)
        for request in planned
        for run in request.pending
    ]
    training = [_training(line, workspace) for _, lines in found for line in lines]
    own = {unit.name for view in views for unit in view.units} | _prefixes(planned)
    shown = [job for job in jobs if everything or any(_of(own, unit) for unit in job.units)]
    return Tracker(
        out=str(workspace.root),
        at=datetime.now().astimezone().replace(microsecond=0),
        measured=_measured(planned, told),
        training=(*training, *(stray.training for stray in told), *pending),
        sweeps=(
            *(sweep_line(view) for view in views),
            *(stray.sweep for stray in told if stray.sweep is not None),
        ),
        data=tuple(_data(workspace, planned, None if everything else known)),
        results=tuple(_results(workspace, views, told)),
        jobs=tuple(shown),
        advice=tuple(advice_on(requests, shown)),
        left=time_left(views, workspace),
        warnings=(*warnings, *(stray for stray in strays if isinstance(stray, str))),
    )


def _training(line: View | Refused, workspace: Workspace) -> TrainingLine:
    if isinstance(line, Refused):
        return refused_line(line, workspace)
    return training_line(line, workspace)


def _views(lines: Iterable[View | Refused]) -> list[View]:
    return [line for line in lines if isinstance(line, View)]


def _prefixes(planned: Sequence[Planned]) -> set[str]:
    return {"/".join(run.folder.path.parts[-5:]) for part in planned for run in part.runs}


def _of(own: set[str], unit: str) -> bool:
    """Say whether a unit is one of those shown; of checkpoints to come only their run is known."""
    return unit in own or "/".join(unit.split("/")[:5]) in own


def _results(
    workspace: Workspace, views: Sequence[View], strays: Sequence[Stray]
) -> Iterator[Result]:
    results = Results(workspace)
    for view in views:
        if (result := results.of_view(view)) is not None:
            yield result
    for stray in strays:
        if stray.record is not None:
            record = attrs.evolve(stray.record, title=stray.training.run)
            if (result := results.of_record(record)) is not None:
                yield result
    results.save()


def _data(
    workspace: Workspace, planned: Sequence[Planned], only: set[Path] | None
) -> Iterator[Entry]:
    """Yield prepared data and stores; `only` those that some runs use."""
    title = _titles(planned)
    entries = [*prepared_entries(workspace.root, title), *store_entries(workspace.root, quick=True)]
    for entry in entries:
        if only is None or any(workspace.root / run in only for run in entry.runs):
            yield entry


def _titles(planned: Sequence[Planned]) -> Callable[[str], str]:
    """Return what gives the title of a method by the name of its folder."""
    titles = {
        run.folder.path.parts[-2]: run.method.record.title for part in planned for run in part.runs
    }
    return lambda name: str(titles.get(name, name))


def _measured(planned: Sequence[Planned], strays: Sequence[Stray]) -> Measured:
    runs = [run for request in planned for run in request.runs]
    lines = [stray.training for stray in strays]
    records = [stray.record for stray in strays if stray.record is not None]
    benchmarks = [name for run in runs for name in _benchmarks(run)]
    benchmarks += [_named(name) for record in records for name in record.benchmarks]
    datasets = [_record(run.dataset.record) for run in runs]
    methods = [_record(run.method.record) for run in runs]
    return Measured(
        models=_once([*map(_model, runs), *(_named(line.model) for line in lines)]),
        benchmarks=_once(benchmarks),
        datasets=_once([*datasets, *(_named(line.dataset) for line in lines)]),
        methods=_once([*methods, *(_named(line.method) for line in lines)]),
    )


def _once(named: Iterable[Named]) -> tuple[Named, ...]:
    """Return each name once, as it was told first."""
    found: dict[str, Named] = {}
    for item in named:
        found.setdefault(item.name, item)
    return tuple(found.values())


def _model(run: Run) -> Named:
    entry = run.model.entry
    title = entry.title if entry else run.model.name
    return Named(name=run.model.name, title=title, detail=entry.summary if entry else "")


def _benchmarks(run: Run) -> Iterator[Named]:
    for exam in run.exams:
        if isinstance(exam, BenchmarkExam):
            about = exam.benchmark
            items = min(about.items, exam.limit or about.items)
            detail = f"{exam.metric}, {items:,} items"
            yield Named(name=exam.name, title=about.title, detail=detail)


def _record(record: Method | Dataset) -> Named:
    return Named(name=record.name, title=record.title, detail=record.summary)


def _named(name: str) -> Named:
    return Named(name=name, title=name)
