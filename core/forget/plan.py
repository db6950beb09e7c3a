"""What a request means, settled and checked without writing, loading or fetching anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.catalogue import StudyEntry
from forget.convert import to_plain
from forget.errors import PluginError, RequestError
from forget.evaluation.exam import Exam
from forget.inference.models import ModelReference
from forget.lookups import Lookups
from forget.method import Method, Needs, SupervisedSettings, TrainingSettings
from forget.plugins import Kind, Provided
from forget.restriction import Restriction
from forget.session import Session
from forget.settings import build, setting_names, training_identity
from forget.store.layout import RunFolder
from forget.teaching import TeacherChoice, check_family, choose_teacher, why_pending
from forget.training.interpolation import interpolation_label
from forget.training.replay import ReplaySource, is_file
from forget.variants import check_distinct, settled, variant_label, variants

__all__ = [
    "PendingRun",
    "Plan",
    "Run",
    "RunRequest",
    "plan",
    "wise_folder",
    "wise_folders",
    "wise_name",
]

_TEACHER = "teacher."
"""Prefix of the settings that are for the teacher and not for the method."""


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
        overrides: Settings by name, over all others; those of the teacher as ``teacher.NAME``.
        teacher: Teacher name, for methods that need one.
        restrict_to: A run whose questions are trained on, and no others.
        sweep: Settings with several values; there is a run for each combination.
    """

    study: str = "demo"
    model: str | None = None
    dataset: str | None = None
    method: str | None = None
    seed: int | None = None
    benchmarks: tuple[str, ...] | None = None
    limit: int | None = None
    overrides: Mapping[str, Any] = attrs.field(factory=dict)
    teacher: str | None = None
    restrict_to: Path | None = None
    sweep: Mapping[str, Sequence[str]] = attrs.field(factory=dict)


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
        teacher: The teacher, if the method needs one.
        restriction: The questions that are trained on, if not all.
        replay: Where general examples come from, if some are mixed in.
        swept: Those of its settings that have other values in other runs of the same sweep.
    """

    study: str
    model: ModelReference
    dataset: Provided
    method: Provided
    seed: int
    settings: TrainingSettings
    exams: tuple[Exam, ...]
    folder: RunFolder
    teacher: TeacherChoice | None = None
    restriction: Restriction | None = None
    replay: ReplaySource | None = None
    swept: Mapping[str, Any] = attrs.field(factory=dict)

    @property
    def title(self) -> str:
        """The run's name for people."""
        label = variant_label(self.swept)
        return self._title(label) if label else self.cell

    @property
    def cell(self) -> str:
        """The same without the values that are swept."""
        return self._title("")

    def _title(self, label: str) -> str:
        labels = (self.restriction.label if self.restriction else "", label)
        method = " ".join((self.method.record.name, *filter(None, labels)))
        return Cell(self.model.name, self.dataset.record.name, method, self.seed).title(self.study)

    def frozen(self) -> dict[str, Any]:
        """Return what makes the run what it is; benchmarks may be added later."""
        return {
            "study": self.study,
            "model": self.model.name,
            "dataset": self.dataset.record.name,
            "method": self.method.record.name,
            "seed": self.seed,
            "method_settings": to_plain(training_identity(self.settings)),
            "teacher": self.teacher.frozen() if self.teacher else None,
            "restrict_to": self.restriction.frozen() if self.restriction else None,
        }


def wise_folders(run: Run) -> dict[float, Path]:
    """Return where the models between base and last checkpoint go, by the checkpoint's share."""
    root = run.folder.transforms
    return {alpha: root / interpolation_label(alpha) for alpha in run.settings.wise_ft}


def wise_name(checkpoint: str, alpha: float) -> str:
    """Name such a model in tables: ``step-000020 wise 0.50``."""
    return f"{checkpoint} {interpolation_label(alpha).replace('-', ' ')}"


def wise_folder(folder: RunFolder, name: str) -> Path:
    """Return the folder of such a model by its name in tables."""
    return folder.transforms / "-".join(name.split()[1:])


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

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.title}: pending, waits for {self.waits_for}. {self.remedy}"


class Plan(NamedTuple):
    """The runs that a request means: those that can be done, and those that wait for a plugin."""

    runs: list[Run]
    pending: list[PendingRun]


def plan(request: RunRequest, session: Session, known: Lookups | None = None) -> Plan:
    """Settle a request: every cell it means, checked as far as that goes without loading.

    A method or dataset that the user named must be there; one that a study brings along may be
    pending, and its runs are planned as such.

    Args:
        request: What was asked for.
        session: What it works with.
        known: What was looked up for other requests in the same session.

    Raises:
        RequestError: Something in the request is wrong, or nothing of it can be done yet; the
            message says what.
    """
    study = session.catalogue.study(request.study)
    asked = _asked_teacher(request)
    if asked and request.method is None:
        raise RequestError(
            f"{asked} is for one method, and the study {request.study!r} has several. Add --method."
        )
    every = list(variants(request.sweep, request.overrides))
    known = known or Lookups(session)
    runs, pending = [], []
    for cell in _cells(request, study):
        waiting = _waiting(cell, request, study, session, known)
        if waiting is None:
            runs += [_settle(cell, request, study, session, known, variant) for variant in every]
        else:
            pending.append(waiting)
    if not runs:
        raise PluginError(_nothing_to_do(request.study, pending))
    check_distinct(request.sweep, [run.folder.path for run in runs])
    return Plan(runs, pending)


def _cells(request: RunRequest, study: StudyEntry) -> Iterator[Cell]:
    for model in _choice(request.model, study.models):
        for dataset in _choice(request.dataset, study.datasets):
            for method in _choice(request.method, study.methods):
                for seed in study.seeds if request.seed is None else (request.seed,):
                    yield Cell(model, dataset, method, seed)


def _choice(asked: str | None, study: Sequence[str]) -> Sequence[str]:
    return study if asked is None else (asked,)


def _waiting(
    cell: Cell, request: RunRequest, study: StudyEntry, session: Session, known: Lookups
) -> PendingRun | None:
    """Return what a cell waits for, if the study and not the user chose it."""
    chosen: tuple[tuple[Kind, str, bool], ...] = (
        ("methods", cell.method, request.method is None),
        ("datasets", cell.dataset, request.dataset is None),
    )
    for kind, name, by_study in chosen:
        remedy = session.plugins.remedy(kind, name, session.catalogue) if by_study else None
        if remedy is not None:
            return PendingRun(cell.title(request.study), f"{kind[:-1]} {name}", remedy)
    teacher = study.teachers.get(cell.method)
    needs: Needs = session.plugins.get("methods", cell.method, session.catalogue).record.needs
    if needs.teacher is None or teacher is None or request.method or request.teacher:
        return None
    remedy = why_pending(teacher, known.model(cell.model), session)
    if remedy is None:
        return None
    return PendingRun(cell.title(request.study), f"teacher {teacher}", remedy)


def _nothing_to_do(study: str, pending: Sequence[PendingRun]) -> str:
    wanted = dict.fromkeys((run.waits_for, run.remedy) for run in pending)
    what = "; ".join(f"{name} ({remedy})" for name, remedy in wanted)
    return f"Every run of the study {study!r} that was asked for is pending. Install {what}."


def _settle(
    cell: Cell,
    request: RunRequest,
    study: StudyEntry,
    session: Session,
    known: Lookups,
    variant: Mapping[str, str],
) -> Run:
    catalogue = session.catalogue
    request = attrs.evolve(request, overrides={**request.overrides, **variant})
    method = session.plugins.get("methods", cell.method, catalogue)
    dataset = session.plugins.get("datasets", cell.dataset, catalogue)
    model = known.model(cell.model)
    teacher = _teacher(cell, method.record, model, request, study, session)
    settings = _settings(cell, method.record, teacher, request, study)
    restriction = None
    if request.restrict_to is not None:
        restriction = known.restriction(request.restrict_to, cell.dataset)
    # A limit on the command line is for all there is to score, the trained task included.
    limit, task_limit = (
        (study.limit, study.task_limit) if request.limit is None else (request.limit,) * 2
    )
    selection = study.benchmarks if request.benchmarks is None else request.benchmarks
    swept = settled(variant, settings)
    labels = (cell.method, restriction.label if restriction else "", variant_label(swept))
    return Run(
        study=request.study,
        model=model,
        dataset=dataset,
        method=method,
        seed=cell.seed,
        settings=settings,
        exams=(*known.benchmarks(tuple(selection), limit), known.task(cell.dataset, task_limit)),
        # A model given as a folder goes by the folder's name; the frozen digest tells two apart.
        folder=session.workspace.run(
            request.study, model.name, cell.dataset, "-".join(filter(None, labels)), cell.seed
        ),
        teacher=teacher,
        restriction=restriction,
        replay=_replay(settings, cell.dataset, session),
        swept=swept,
    )


def _settings(
    cell: Cell,
    method: Method,
    teacher: TeacherChoice | None,
    request: RunRequest,
    study: StudyEntry,
) -> TrainingSettings:
    known = setting_names(method.settings)
    advised = teacher.entry.sampling if teacher is not None and teacher.entry else {}
    # A study's settings are for all its methods: those a method does not know are not for it. So
    # are those that suit a teacher.
    inherited = {**advised, **study.settings_for(cell.model, cell.dataset, cell.method)}
    return build(
        method.settings,
        {name: value for name, value in inherited.items() if name in known},
        _without_prefix(request.overrides, _TEACHER, absent=True),
        where=f"method {cell.method}",
    )


def _replay(settings: TrainingSettings, dataset: str, session: Session) -> ReplaySource | None:
    """Return where general examples come from, if the settings ask for some."""
    if not isinstance(settings, SupervisedSettings) or not settings.replay:
        return None
    name = settings.replay_from
    if is_file(name):
        return ReplaySource(name)
    if name == dataset:
        raise RequestError(
            f"replay_from={name} is the dataset that is trained on, whose examples are no general "
            "ones. Choose another dataset (`forget list datasets`), or a file of conversations."
        )
    return ReplaySource(name, session.plugins.get("datasets", name, session.catalogue).record)


def _teacher(
    cell: Cell,
    method: Method,
    model: ModelReference,
    request: RunRequest,
    study: StudyEntry,
    session: Session,
) -> TeacherChoice | None:
    """Return the teacher that a method needs: the user's choice, else the study's."""
    changes = _without_prefix(request.overrides, _TEACHER)
    if method.needs.teacher is None:
        asked = _asked_teacher(request)
        if asked:
            raise RequestError(
                f"{method.title} has no teacher, so {asked} means nothing for it. Leave it out, or "
                "choose a method that learns from one (`forget list methods`)."
            )
        return None
    name = request.teacher or study.teachers.get(cell.method)
    if name is None:
        raise RequestError(
            f"{method.title} needs a teacher, and the study {request.study!r} names none. Choose "
            f"one with --teacher: {', '.join(session.catalogue.teachers)}."
        )
    teacher = choose_teacher(name, changes, model, session)
    check_family(method, teacher, model)
    return teacher


def _asked_teacher(request: RunRequest) -> str:
    """Return the options by which the user chose or changed a teacher, if so."""
    if request.teacher is not None:
        return f"--teacher {request.teacher}"
    changed = [name for name in request.overrides if name.startswith(_TEACHER)]
    return f"--set {changed[0]}" if changed else ""


def _without_prefix(
    overrides: Mapping[str, Any], prefix: str, *, absent: bool = False
) -> dict[str, Any]:
    """Return the settings that have a prefix, without it; or those that do not have it."""
    if absent:
        return {name: value for name, value in overrides.items() if not name.startswith(prefix)}
    return {
        name.removeprefix(prefix): value
        for name, value in overrides.items()
        if name.startswith(prefix)
    }
