"""One run from its name to its report: prepare, train, evaluate base and checkpoints, record.

`plan` settles everything that can be wrong about a request without writing, loading or fetching;
`carry_out` does the work, each step of which continues where it was left.
"""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.catalogue import StudyEntry
from forget.convert import to_plain
from forget.dataset import Dataset
from forget.evaluation.exam import Exam
from forget.evaluation.record import ModelLine, SweepRecord, write_record
from forget.evaluation.sweep import Sweep
from forget.inference.machine import package_version
from forget.inference.models import ModelReference, find_model, obtain_model
from forget.inference.weights import model_digest
from forget.method import Method, PrepareTask, TrainingSettings, TrainTask
from forget.plugins import Provided
from forget.progress import Progress
from forget.session import Session
from forget.settings import build
from forget.store import runfile
from forget.store.layout import RunFolder, checkpoint_name
from forget.store.manifest import read_manifest

__all__ = ["Run", "RunRequest", "Step", "carry_out", "check_frozen", "outlook", "plan", "preflight"]

_VERSIONS = (
    "forget-llm", "torch", "transformers", "trl", "peft", "accelerate", "datasets", "lm-eval",
)  # fmt: skip


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
        parts = (self.study, self.model.name, self.dataset.record.name, self.method.record.name)
        return " / ".join((*parts, f"seed {self.seed}"))

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


class Step(NamedTuple):
    """One line of `--dry-run`."""

    what: str
    state: str
    done: bool


def plan(request: RunRequest, session: Session) -> list[Run]:
    """Settle a request: every cell it means, checked as far as that goes without loading.

    Raises:
        RequestError: Something in the request is wrong; the message says what.
    """
    study = session.catalogue.study(request.study)
    cells = [
        (model, dataset, method, seed)
        for model in _choice(request.model, study.models)
        for dataset in _choice(request.dataset, study.datasets)
        for method in _choice(request.method, study.methods)
        for seed in (study.seeds if request.seed is None else (request.seed,))
    ]
    return [_settle(cell, request, study, session) for cell in cells]


def outlook(run: Run, session: Session) -> list[Step]:
    """Say what is done and what is left to do of a run, from what is on disk alone."""
    steps = [_model_step(run.model), _data_step(run.folder)]
    published = [s for s in run.folder.steps() if read_manifest(run.folder.checkpoint(s))]
    last = f"checkpoints at steps {', '.join(map(str, published))}" if published else "to do"
    steps.append(Step(f"train by {run.method.record.title}", last, bool(published)))
    sweep = session.sweep(run.exams)
    if run.model.folder is not None:
        steps.append(_sweep_step("base", run.model.digest(recompute=False), sweep))
    else:
        steps.append(Step("evaluate base", _exam_names(run.exams), done=False))
    for step in published:
        digest = model_digest(run.folder.checkpoint(step), recompute=False)
        steps.append(_sweep_step(checkpoint_name(step), digest, sweep))
    if not published:
        steps.append(Step("evaluate checkpoints", _exam_names(run.exams), done=False))
    return steps


def carry_out(run: Run, session: Session, progress: Progress) -> SweepRecord:
    """Do all that is left of a run; killed at any moment, calling it again continues.

    Raises:
        FrozenRunError: The run directory was made with other settings.
        ForgetError: A step failed; what is finished is kept.
    """
    check_frozen(run)
    run = attrs.evolve(run, model=obtain_model(run.model, progress))
    base = run.model.folder
    assert base is not None
    digest = run.model.digest()
    runfile.freeze(run.folder.runfile, {**run.frozen(), "model_digest": digest}, _provenance(run))
    sweep = session.sweep(run.exams)
    _prepare(run, session, base, progress)
    record = _record(run, sweep, digest, [])
    sweep.run(base, digest, "base", progress)
    write_record(run.folder.sweep, record)
    _train(run, base, progress)
    checkpoints = [(step, run.folder.checkpoint(step)) for step in run.folder.steps()]
    digests = [(step, model_digest(folder)) for step, folder in checkpoints]
    record = _record(run, sweep, digest, digests)
    write_record(run.folder.sweep, record)
    for (step, folder), (_, checkpoint_digest) in zip(checkpoints, digests, strict=True):
        sweep.run(folder, checkpoint_digest, checkpoint_name(step), progress)
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
    run.dataset.record.load("train", session.mirror)


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


def _choice(asked: str | None, study: Sequence[str]) -> Sequence[str]:
    return study if asked is None else (asked,)


def _settle(
    cell: tuple[str, str, str, int], request: RunRequest, study: StudyEntry, session: Session
) -> Run:
    model, dataset_name, method_name, seed = cell
    catalogue = session.catalogue
    method = session.plugins.get("methods", method_name, catalogue)
    dataset = session.plugins.get("datasets", dataset_name, catalogue)
    settings_class = method.record.settings
    known = {field.name for field in attrs.fields(settings_class)}
    # A study's settings are for all its methods: those a method does not know are not for it.
    inherited = study.settings_for(model, dataset_name, method_name)
    settings = build(
        settings_class,
        {name: value for name, value in inherited.items() if name in known},
        request.overrides,
        where=f"method {method_name}",
    )
    # A limit on the command line is for all there is to score, the trained task included.
    limit, task_limit = (
        (study.limit, study.task_limit) if request.limit is None else (request.limit,) * 2
    )
    selection = study.benchmarks if request.benchmarks is None else request.benchmarks
    exams = session.exams(selection, limit)
    task = session.task_exam(dataset.record, task_limit)
    return Run(
        study=request.study,
        model=find_model(model, catalogue),
        dataset=dataset,
        method=method,
        seed=seed,
        settings=settings,
        exams=(*exams, task),
        folder=session.workspace.run(request.study, model, dataset_name, method_name, seed),
    )


def _prepare(run: Run, session: Session, model: Path, progress: Progress) -> None:
    method: Method = run.method.record
    dataset: Dataset = run.dataset.record
    method.prepare(
        PrepareTask(
            dataset=dataset,
            data=session.mirror,
            model=model,
            settings=run.settings,
            seed=run.seed,
            output=run.folder.data,
            progress=progress,
        )
    )


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


def _record(
    run: Run, sweep: Sweep, base_digest: str, checkpoints: Sequence[tuple[int, str]]
) -> SweepRecord:
    *benchmarks, task = run.exams
    lines = [
        ModelLine(
            name=checkpoint_name(step),
            step=step,
            digest=digest,
            evaluations=sweep.relative_folders(digest),
        )
        for step, digest in checkpoints
    ]
    return SweepRecord(
        title=run.title,
        base_model=run.model.name,
        benchmarks=tuple(exam.name for exam in benchmarks),
        task=task.name,
        base=ModelLine(
            name="base",
            step=0,
            digest=base_digest,
            evaluations=sweep.relative_folders(base_digest),
        ),
        checkpoints=tuple(lines),
        fingerprint=dict(sweep.engine.fingerprint()),
    )


def _provenance(run: Run) -> dict[str, Any]:
    return {
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {name: package_version(name) for name in _VERSIONS},
        "python": platform.python_version(),
        "platform": platform.platform(),
        "plugins": {
            "method": attrs.asdict(run.method.provider),
            "dataset": attrs.asdict(run.dataset.provider),
        },
    }


def _model_step(model: ModelReference) -> Step:
    if model.folder is not None:
        return Step(f"model {model.name}", f"is at {model.folder}", done=True)
    return Step(f"model {model.name}", "to be fetched or converted", done=False)


def _data_step(folder: RunFolder) -> Step:
    manifest = read_manifest(folder.data)
    if manifest is None:
        return Step("prepare data", "to do", done=False)
    return Step("prepare data", f"done, {manifest.details.get('rows')} examples", done=True)


def _sweep_step(label: str, digest: str, sweep: Sweep) -> Step:
    missing = sweep.missing(digest)
    if not missing:
        return Step(f"evaluate {label}", "done", done=True)
    done = len(sweep.exams) - len(missing)
    names = _exam_names(missing)
    return Step(f"evaluate {label}", f"{done} of {len(sweep.exams)} done; left: {names}", False)


def _exam_names(exams: Sequence[Exam]) -> str:
    return ", ".join(exam.name for exam in exams)
