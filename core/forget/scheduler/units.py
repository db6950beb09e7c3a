"""Units: the smallest pieces of work there are, with what is done of them, from the disk alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple

import attrs

from forget.errors import ModelError
from forget.evaluation.record import recorded_digests
from forget.evaluation.sweep import Sweep
from forget.inference.weights import model_digest
from forget.plan import Run
from forget.run import BASE, TrainedModel, trained_models
from forget.scheduler.expected import Expectations
from forget.session import Session
from forget.store.layout import checkpoint_name
from forget.store.manifest import read_manifest

__all__ = [
    "Found",
    "Looked",
    "Stage",
    "State",
    "Unit",
    "model_part",
    "prepared",
    "trained",
    "unit_prefix",
    "units_of",
]

Stage = Literal["prepare", "generate", "train", "evaluate"]
"""What is done; to generate is to prepare with a teacher, which is another kind of job."""

State = Literal["done", "begun", "ready", "waiting"]
"""Begun: ready, and a part of it is on disk. Waiting: for other units."""


@attrs.frozen(kw_only=True)
class Unit:
    """One piece of work.

    Attributes:
        name: Unlike any other's: ``phase1/qwen3-1.7b/gsm8k/gt-sft/seed-0/train``.
        stage: What is done.
        run: The run it belongs to, or the first of those that share it.
        model: The model that is evaluated, as the run calls it; empty for checkpoints to come.
        needs: Names of the units that must be done before.
        after: Names of the units that it comes after if it can: they do a part of its work.
        state: What is to be done of it.
        detail: What is done of it, in words.
        expected: Models that it evaluates; None where their number is not known yet.
        steps: Optimiser steps that a training will take; None where that is not known yet.
        exact: It is so many; else at most.
    """

    name: str
    stage: Stage
    run: Run
    model: str = ""
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    state: State
    detail: str = ""
    expected: int | None = None
    steps: int | None = None
    exact: bool = True

    @property
    def title(self) -> str:
        """What it does, for people."""
        return f"{self.run.title}: {self.stage} {self.model}".rstrip()


class Looked(NamedTuple):
    """Where the evaluations of a run are looked for.

    Attributes:
        sweep: What its models are scored on, and by what.
        base: Digest of its base model; None where that is not known.
    """

    sweep: Sweep
    base: str | None


def units_of(
    runs: Sequence[Run], session: Session, look: Callable[[Run], Looked] | None = None
) -> list[Unit]:
    """Return the units of some runs, each after those that it needs.

    A base model is evaluated once for all runs on the same dataset; for one dataset after the
    other, because these have their benchmarks in common. So have runs by the same teacher its
    completions: one of them asks, and the next one asks for what is left.

    Args:
        runs: The runs.
        session: What they work with.
        look: Says of the first run of a model and dataset where to look for evaluations; None
            looks for those of this machine.
    """

    def look_here(run: Run) -> Looked:
        there = run.model.folder is not None
        digest = run.model.digest(recompute=False) if there else None
        return Looked(session.sweep(run.exams, run.model.folder), digest)

    look = look or look_here
    units: list[Unit] = []
    looked: dict[tuple[str, str], Looked] = {}
    last_base: dict[str, str] = {}
    last_asked: dict[tuple[str, ...], str] = {}
    expectations = Expectations(session)
    for run in runs:
        key = run.model.name, run.dataset.record.name
        if key not in looked:
            looked[key] = look(run)
            units.append(_base(run, looked[key], last_base))
        units += _of_run(run, looked[key].sweep, last_asked, expectations)
    done = {unit.name for unit in units if unit.state == "done"}
    return [_settled(unit, done) for unit in units]


def _settled(unit: Unit, done: set[str]) -> Unit:
    """Have a unit wait for others that are not done; what is done waits for nothing."""
    if unit.state == "done" or done.issuperset((*unit.needs, *unit.after)):
        return unit
    return attrs.evolve(unit, state="waiting")


class Found(NamedTuple):
    """What is on disk of a unit.

    Attributes:
        state: What is to be done of it.
        detail: What is done of it, in words.
        rows: Examples in the data of a run, once they are there.
    """

    state: State
    detail: str = ""
    rows: int | None = None


def _base(run: Run, looked: Looked, last: dict[str, str]) -> Unit:
    sweep, digest = looked
    found = Found("ready") if digest is None else _scored(digest, sweep)
    name = "/".join((*_parts(run)[:3], BASE))
    before = last.get(run.model.name)
    last[run.model.name] = name
    return Unit(
        name=name,
        stage="evaluate",
        run=run,
        model=BASE,
        after=(before,) if before else (),
        state=found.state,
        detail=found.detail,
        expected=1,
    )


def _of_run(
    run: Run,
    sweep: Sweep,
    last_asked: dict[tuple[str, ...], str],
    expectations: Expectations,
) -> Iterator[Unit]:
    prefix = unit_prefix(run)
    digests = _digests(run)
    data, training = prepared(run), trained(run, digests)
    prepare = _prepare(run, f"{prefix}/prepare", data, last_asked)
    train = Unit(
        name=f"{prefix}/train",
        stage="train",
        run=run,
        needs=(prepare.name,),
        state=training.state,
        detail=training.detail,
        steps=None if training.state == "done" else expectations.steps(run, data.rows),
    )
    yield from (prepare, train)
    for model, digest in digests.items():
        # What is made of the last checkpoint may be of an earlier one until the training has ended.
        if training.state == "done" or model.name == checkpoint_name(model.step):
            found = _scored(digest, sweep) if digest else Found("ready", "damaged")
            yield Unit(
                name=f"{prefix}/evaluate/{model_part(model.name)}",
                stage="evaluate",
                run=run,
                model=model.name,
                state=found.state,
                detail=found.detail,
                expected=1,
            )
    if training.state != "done":
        expected = expectations.to_come(run, data.rows)
        yield Unit(
            name=f"{prefix}/evaluate",
            stage="evaluate",
            run=run,
            needs=(train.name,),
            state="ready",
            expected=expected.models,
            exact=expected.exact,
        )


def _prepare(run: Run, name: str, data: Found, last_asked: dict[tuple[str, ...], str]) -> Unit:
    after: tuple[str, ...] = ()
    if run.teacher is not None:
        model = run.teacher.model.name if run.teacher.model else ""
        asked = run.teacher.name, model, run.dataset.record.name
        after = (last_asked[asked],) if asked in last_asked else ()
        last_asked[asked] = name
    return Unit(
        name=name,
        stage="prepare" if run.teacher is None else "generate",
        run=run,
        after=after,
        state=data.state,
        detail=data.detail,
    )


def _parts(run: Run) -> tuple[str, ...]:
    """Return study, model, dataset, method and seed as the run directory has them."""
    return run.folder.path.parts[-5:]


def unit_prefix(run: Run) -> str:
    """Return what the names of a run's units begin with, those of its base left out."""
    return "/".join(_parts(run))


def model_part(model: str) -> str:
    """Return how the name of a unit that evaluates a model ends."""
    return model.replace(" ", "-")


def _digests(run: Run) -> dict[TrainedModel, str | None]:
    """Return the digest of each model that a run makes; None if it is not there, or damaged."""
    found: dict[TrainedModel, str | None] = {}
    for model in trained_models(run):
        try:
            there = model.folder.is_dir()
            found[model] = model_digest(model.folder, recompute=False) if there else None
        except ModelError:
            found[model] = None
    return found


def prepared(run: Run) -> Found:
    """Say whether a run's data are there."""
    manifest = read_manifest(run.folder.data)
    if manifest is None or (run.replay is not None and read_manifest(run.folder.replay) is None):
        return Found("ready")
    rows = manifest.details.get("rows")
    return Found("done", "" if rows is None else f"{rows:,} examples", rows)


def trained(run: Run, digests: Mapping[TrainedModel, str | None] | None = None) -> Found:
    """Say whether a run is trained: all that its record tells of is there, and as it was then."""
    digests = _digests(run) if digests is None else digests
    steps = run.folder.steps()
    detail = f"step {steps[-1]:,}" if steps else ""
    made = {model.name: digest for model, digest in digests.items()}
    if steps and recorded_digests(run.folder.sweep) == made:
        return Found("done", detail)
    return Found("begun" if steps else "ready", detail)


def _scored(digest: str, sweep: Sweep) -> Found:
    every = len(sweep.exams)
    done = every - len(sweep.missing(digest))
    state: State = "done" if done == every else "begun" if done else "ready"
    return Found(state, f"{done} of {every} benchmarks")
