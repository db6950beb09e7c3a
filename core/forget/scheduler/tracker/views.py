"""The units of planned runs, run by run, with who is at work on them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from os import scandir
from pathlib import Path

import attrs

from forget.errors import FrozenRunError, ModelError
from forget.evaluation.sweep import Sweep
from forget.inference.weights import model_digest
from forget.plan import Run
from forget.run import BASE, check_frozen
from forget.scheduler.jobs import JobLine
from forget.scheduler.tracker.planned import Planned
from forget.scheduler.units import Looked, Unit, unit_prefix, units_of
from forget.session import Session
from forget.store import runfile
from forget.store.manifest import MANIFEST

__all__ = ["Refused", "View", "jobs_by_unit", "views_of"]


@attrs.frozen(kw_only=True)
class View:
    """One run with its units.

    Attributes:
        run: The run.
        looked: Where its evaluations are.
        base: The evaluation of its base, which other runs may share.
        prepare: The unit that prepares its data.
        train: The unit that trains.
        evaluations: Its checkpoints' evaluations, those to come as one unit.
        jobs: What is at work on its units, or waits to be, by the unit's name.
    """

    run: Run
    looked: Looked
    base: Unit
    prepare: Unit
    train: Unit
    evaluations: tuple[Unit, ...]
    jobs: Mapping[str, JobLine]

    @property
    def units(self) -> tuple[Unit, ...]:
        """All of them, each after those that it needs."""
        return (self.base, self.prepare, self.train, *self.evaluations)

    def at_work(self, *units: Unit) -> list[JobLine]:
        """Return what is at work on some units, what is nearest to done first."""
        found = {id(job): job for unit in units for job in self._jobs_of(unit)}
        return sorted(found.values(), key=lambda job: _ORDER.index(job.state))

    def _jobs_of(self, unit: Unit) -> Iterator[JobLine]:
        if unit.name in self.jobs:
            yield self.jobs[unit.name]
        if not unit.model:  # checkpoints to come: a job may know them by their names already
            yield from (j for name, j in self.jobs.items() if name.startswith(f"{unit.name}/"))


_ORDER = ("running", "quarantined", "queued", "held")


@attrs.frozen
class Refused:
    """A run whose directory holds another: what it says of itself is not of this one."""

    run: Run
    reason: str


def jobs_by_unit(jobs: Iterable[JobLine]) -> dict[str, JobLine]:
    """Return the job of each unit; of several, the one nearest to done."""
    found: dict[str, JobLine] = {}
    for job in sorted(jobs, key=lambda job: _ORDER.index(job.state)):
        for unit in job.units:
            found.setdefault(unit, job)
    return found


def views_of(planned: Planned, jobs: Mapping[str, JobLine]) -> list[View | Refused]:
    """Return the runs of a request in their order, with their units as they are on disk."""
    refused: dict[str, Refused] = {}
    for run in planned.runs:
        try:
            check_frozen(run, model=False)
        except FrozenRunError as error:
            refused[unit_prefix(run)] = Refused(run, str(error))
    good = [run for run in planned.runs if unit_prefix(run) not in refused]
    looker = _Looker(good, planned.session)
    units = units_of(good, planned.session, looker.look)
    views = {view.prepare.run.folder.path: view for view in _views(units, looker, jobs)}
    return [refused.get(unit_prefix(run)) or views[run.folder.path] for run in planned.runs]


def _views(units: Sequence[Unit], looker: _Looker, jobs: Mapping[str, JobLine]) -> Iterator[View]:
    bases = {_cell(unit.run): unit for unit in units if unit.model == BASE}
    own: dict[str, list[Unit]] = {}
    for unit in units:
        if unit.model != BASE:
            own.setdefault(unit_prefix(unit.run), []).append(unit)
    by_run: dict[str, dict[str, JobLine]] = {}
    for name, job in jobs.items():
        prefix = "/".join(name.split("/")[:5])
        by_run.setdefault(prefix, {})[name] = job
    for prefix, (prepare, train, *evaluations) in own.items():
        base = bases[_cell(prepare.run)]
        mine = {**by_run.get(prefix, {})}
        if base.name in jobs:
            mine[base.name] = jobs[base.name]
        yield View(
            run=prepare.run,
            looked=looker.look(prepare.run),
            base=base,
            prepare=prepare,
            train=train,
            evaluations=tuple(evaluations),
            jobs=mine,
        )


def _cell(run: Run) -> tuple[str, str]:
    return run.model.name, run.dataset.record.name


class _Looker:
    """Finds where evaluations are: those that can be compared with the base's.

    They may have been made on another machine than this one, which then looks for theirs; a login
    node has no GPU.
    """

    def __init__(self, runs: Sequence[Run], session: Session) -> None:
        self._runs, self._session = runs, session
        self._found: dict[tuple[str, str], Looked] = {}

    def look(self, run: Run) -> Looked:
        """Return where the evaluations of a run are, and its base's digest."""
        cell = _cell(run)
        if cell not in self._found:
            base = self._base(run)
            sweep = self._session.sweep(run.exams, run.model.folder)
            if base is not None:
                sweep = attrs.evolve(sweep, fingerprint=self._made_by(run, sweep, base))
            self._found[cell] = Looked(sweep, base)
        return self._found[cell]

    def _made_by(self, run: Run, sweep: Sweep, base: str) -> str:
        """Return the fingerprint that most was evaluated by that can be compared with the base.

        Of several that its base was evaluated by, checkpoints decide; then this machine's is taken.
        """
        counts = _fingerprints(sweep, base)
        own = sweep.fingerprint
        if len(counts) > 1:
            for other in self._runs:
                if _cell(other) == _cell(run) and (steps := other.folder.steps()):
                    with suppress(ModelError):
                        last = model_digest(other.folder.checkpoint(steps[-1]), recompute=False)
                        found = _fingerprints(sweep, last)
                        counts.update({name: found[name] for name in counts})
        return max(counts, key=lambda name: (counts[name], name == own, name), default=own)

    def _base(self, run: Run) -> str | None:
        """Return the base's digest: weights are not read for it if any run of it was begun."""
        known = (self._frozen(file) for file in self._runfiles(run))
        frozen = next((digest for digest in known if digest is not None), None)
        if frozen is not None or run.model.folder is None:
            return frozen
        scored = any(self._session.workspace.root.glob("evaluations/*"))
        if not scored and not (run.model.folder / MANIFEST).is_file():
            return None
        try:
            return run.model.digest(recompute=False)
        except ModelError:
            return None

    def _runfiles(self, run: Run) -> Iterator[Path]:
        """Yield where runs of the same model are frozen: those that are meant, then all others."""
        model = run.folder.path.parts[-4]
        yield from (other.folder.runfile for other in self._runs if other.model == run.model)
        yield from self._session.workspace.root.glob(f"runs/*/{model}/*/*/seed-*/run.toml")

    @staticmethod
    def _frozen(file: Path) -> str | None:
        if not file.is_file():
            return None
        try:
            digest = runfile.read_settings(file).get("model_digest")
        except FrozenRunError:
            return None
        return None if digest is None else str(digest)


def _fingerprints(sweep: Sweep, digest: str) -> Counter[str]:
    """Count the evaluations of a model by each fingerprint."""
    model = sweep.workspace.evaluations_of(digest)
    counts: Counter[str] = Counter()
    for exam in sweep.exams:
        with suppress(FileNotFoundError), scandir(model / exam.key()) as found:
            counts.update(entry.name for entry in found if not entry.name.startswith("."))
    return counts
