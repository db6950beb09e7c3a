"""What a request means, settled and checked without writing, loading or fetching anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import attrs

from forget.catalogue import StudyEntry
from forget.convert import to_plain
from forget.errors import PluginError
from forget.evaluation.exam import Exam
from forget.inference.models import ModelReference, find_model
from forget.method import TrainingSettings
from forget.plugins import Kind, Provided
from forget.session import Session
from forget.settings import build
from forget.store.layout import RunFolder

__all__ = ["PendingRun", "Plan", "Run", "RunRequest", "plan"]


@attrs.frozen(kw_only=True)
class RunRequest:
    """What `forget run` was asked for; None takes the study's choice.

    Attributes:
        study: Name of the study; its settings hold, and the run directory is below its name.
        model: Model name, Hub id or folder.
        dataset: Dataset name.
        method: Method name.
        seed: Seed of the run.
        benchmarks: Benchmarks and suites.
        limit: Items of each benchmark, and held-out problems for task accuracy.
        overrides: Settings by name, over all others.
    """

    study: str = "demo"
    model: str | None = None
    dataset: str | None = None
    method: str | None = None
    seed: int | None = None
    benchmarks: tuple[str, ...] | None = None
    limit: int | None = None
    overrides: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class Run:
    """One cell of a study, settled.

    Attributes:
        study: The study's name.
        model: The base model.
        dataset: The dataset and who brings it.
        method: The method and who brings it.
        seed: Seed of every random choice.
        settings: The method's resolved settings.
        exams: What base and checkpoints are scored on, the benchmarks first, the task last.
        folder: The run directory.
    """

    study: str
    model: ModelReference
    dataset: Provided
    method: Provided
    seed: int
    settings: TrainingSettings
    exams: tuple[Exam, ...]
    folder: RunFolder

    @property
    def title(self) -> str:
        """The run's name for people."""
        names = (self.model.name, self.dataset.record.name, self.method.record.name)
        return Cell(*names, self.seed).title(self.study)

    def frozen(self) -> dict[str, Any]:
        """Return what makes the run what it is; benchmarks may be added later."""
        return {
            "study": self.study,
            "model": self.model.name,
            "dataset": self.dataset.record.name,
            "method": self.method.record.name,
            "seed": self.seed,
            "method_settings": to_plain(self.settings),
        }


class Cell(NamedTuple):
    """One cell of a study's matrix, by names."""

    model: str
    dataset: str
    method: str
    seed: int

    def title(self, study: str) -> str:
        """Return the run's name for people."""
        return " / ".join((study, self.model, self.dataset, self.method, f"seed {self.seed}"))


class PendingRun(NamedTuple):
    """A run of a study that waits for a plugin.

    Attributes:
        title: The run's name for people.
        waits_for: ``method spin``.
        remedy: The command that installs it.
    """

    title: str
    waits_for: str
    remedy: str


class Plan(NamedTuple):
    """The runs that a request means: those that can be done, and those that wait for a plugin."""

    runs: list[Run]
    pending: list[PendingRun]


def plan(request: RunRequest, session: Session) -> Plan:
    """Settle a request: every cell it means, checked as far as that goes without loading.

    A method or dataset that the user named must be there; one that a study brings along may be
    pending, and its runs are planned as such.

    Raises:
        RequestError: Something in the request is wrong, or nothing of it can be done yet; the
            message says what.
    """
    study = session.catalogue.study(request.study)
    runs, pending = [], []
    for cell in _cells(request, study):
        waiting = _waiting(cell, request, session)
        if waiting is None:
            runs.append(_settle(cell, request, study, session))
        else:
            pending.append(waiting)
    if not runs:
        raise PluginError(_nothing_to_do(request.study, pending))
    return Plan(runs, pending)


def _cells(request: RunRequest, study: StudyEntry) -> Iterator[Cell]:
    for model in _choice(request.model, study.models):
        for dataset in _choice(request.dataset, study.datasets):
            for method in _choice(request.method, study.methods):
                for seed in study.seeds if request.seed is None else (request.seed,):
                    yield Cell(model, dataset, method, seed)


def _choice(asked: str | None, study: Sequence[str]) -> Sequence[str]:
    return study if asked is None else (asked,)


def _waiting(cell: Cell, request: RunRequest, session: Session) -> PendingRun | None:
    """Return what a cell waits for, if the study and not the user chose it."""
    chosen: tuple[tuple[Kind, str, bool], ...] = (
        ("methods", cell.method, request.method is None),
        ("datasets", cell.dataset, request.dataset is None),
    )
    for kind, name, by_study in chosen:
        remedy = session.plugins.remedy(kind, name, session.catalogue) if by_study else None
        if remedy is not None:
            return PendingRun(cell.title(request.study), f"{kind[:-1]} {name}", remedy)
    return None


def _nothing_to_do(study: str, pending: Sequence[PendingRun]) -> str:
    wanted = dict.fromkeys((run.waits_for, run.remedy) for run in pending)
    what = "; ".join(f"{name} ({remedy})" for name, remedy in wanted)
    return f"Every run of the study {study!r} that was asked for is pending. Install {what}."


def _settle(cell: Cell, request: RunRequest, study: StudyEntry, session: Session) -> Run:
    catalogue = session.catalogue
    method = session.plugins.get("methods", cell.method, catalogue)
    dataset = session.plugins.get("datasets", cell.dataset, catalogue)
    settings_class = method.record.settings
    known = {field.name for field in attrs.fields(settings_class)}
    # A study's settings are for all its methods: those a method does not know are not for it.
    inherited = study.settings_for(cell.model, cell.dataset, cell.method)
    settings = build(
        settings_class,
        {name: value for name, value in inherited.items() if name in known},
        request.overrides,
        where=f"method {cell.method}",
    )
    # A limit on the command line is for all there is to score, the trained task included.
    limit, task_limit = (
        (study.limit, study.task_limit) if request.limit is None else (request.limit,) * 2
    )
    selection = study.benchmarks if request.benchmarks is None else request.benchmarks
    exams = session.exams(selection, limit)
    task = session.task_exam(dataset.record, task_limit)
    model = find_model(cell.model, catalogue)
    return Run(
        study=request.study,
        model=model,
        dataset=dataset,
        method=method,
        seed=cell.seed,
        settings=settings,
        exams=(*exams, task),
        # A model given as a folder goes by the folder's name; the frozen digest tells two apart.
        folder=session.workspace.run(
            request.study, model.name, cell.dataset, cell.method, cell.seed
        ),
    )
