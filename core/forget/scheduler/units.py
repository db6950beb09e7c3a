"""Units: the smallest pieces of work there are, with what is done of them, from the disk alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import attrs

from forget.evaluation.sweep import Sweep
from forget.inference.weights import model_digest
from forget.plan import Plan, Run, wise_folders, wise_name
from forget.run import BASE
from forget.session import Session
from forget.store.layout import checkpoint_name
from forget.store.manifest import read_manifest
from forget.training.interpolation import is_interpolation

__all__ = ["Found", "Stage", "State", "Unit", "prepared", "trained", "units_of"]

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
        state: What is to be done of it.
        detail: What is done of it, in words.
        expected: Models that it evaluates; None where their number is not known yet.
    """

    name: str
    stage: Stage
    run: Run
    model: str = ""
    needs: tuple[str, ...] = ()
    state: State
    detail: str = ""
    expected: int | None = None


def units_of(plan: Plan, session: Session) -> list[Unit]:
    """Return the units of all runs of a plan, each after those that it needs.

    A base model is evaluated once for all runs on the same dataset; for one dataset after the
    other, because these have their benchmarks in common. So have runs by the same teacher its
    completions: one of them asks, and the next one asks for what is left.
    """
    units: list[Unit] = []
    bases: dict[tuple[str, str], str] = {}
    before: dict[str, str] = {}
    sweeps: dict[tuple[str, str], Sweep] = {}
    asking: dict[tuple[str, str], str] = {}
    for run in plan.runs:
        key = run.model.name, run.dataset.record.name
        if key not in bases:
            sweeps[key] = session.sweep(run.exams, run.model.folder)
            unit = _base(run, sweeps[key], before.get(run.model.name))
            units.append(unit)
            bases[key] = before[run.model.name] = unit.name
        own = list(_of_run(run, sweeps[key]))
        if run.teacher is not None:
            asked = run.teacher.name, run.dataset.record.name
            if asked in asking:
                own[0] = attrs.evolve(own[0], needs=(asking[asked],))
            asking[asked] = own[0].name
        units += own
    done = {unit.name for unit in units if unit.state == "done"}
    return [_settled(unit, done) for unit in units]


def _settled(unit: Unit, done: set[str]) -> Unit:
    """Have a unit wait for others that are not done; what is done waits for nothing."""
    if unit.state == "done" or done.issuperset(unit.needs):
        return unit
    return attrs.evolve(unit, state="waiting")


class Found(NamedTuple):
    """What is on disk of a unit."""

    state: State
    detail: str = ""


def _base(run: Run, sweep: Sweep, before: str | None) -> Unit:
    digest = None if run.model.folder is None else run.model.digest(recompute=False)
    found = Found("ready") if digest is None else _scored(digest, sweep)
    return Unit(
        name="/".join((*_parts(run)[:3], BASE)),
        stage="evaluate",
        run=run,
        model=BASE,
        needs=(before,) if before else (),
        state=found.state,
        detail=found.detail,
        expected=1,
    )


def _of_run(run: Run, sweep: Sweep) -> Iterator[Unit]:
    prefix = "/".join(_parts(run))
    data, training = prepared(run), trained(run)
    prepare = Unit(
        name=f"{prefix}/prepare",
        stage="prepare" if run.teacher is None else "generate",
        run=run,
        state=data.state,
        detail=data.detail,
    )
    train = Unit(
        name=f"{prefix}/train",
        stage="train",
        run=run,
        needs=(prepare.name,),
        state=training.state,
        detail=training.detail,
    )
    yield from (prepare, train)
    published = _published(run)
    for name, folder in _models(run, published, training.state == "done"):
        found = _scored(model_digest(folder, recompute=False), sweep)
        yield Unit(
            name=f"{prefix}/evaluate/{name.replace(' ', '-')}",
            stage="evaluate",
            run=run,
            model=name,
            state=found.state,
            detail=found.detail,
            expected=1,
        )
    if training.state != "done":
        yield Unit(
            name=f"{prefix}/evaluate",
            stage="evaluate",
            run=run,
            needs=(train.name,),
            state="ready",
            expected=_to_come(run, len(published)),
        )


def _parts(run: Run) -> tuple[str, ...]:
    """Return study, model, dataset, method and seed as the run directory has them."""
    return run.folder.path.parts[-5:]


def _models(run: Run, published: Sequence[int], trained: bool) -> Iterator[tuple[str, Path]]:
    for step in published:
        yield checkpoint_name(step), run.folder.checkpoint(step)
    if trained:
        for alpha, folder in wise_folders(run).items():
            yield wise_name(checkpoint_name(published[-1]), alpha), folder


def _published(run: Run) -> list[int]:
    """List the steps of the checkpoints that are whole."""
    return [step for step in run.folder.steps() if read_manifest(run.folder.checkpoint(step))]


def prepared(run: Run) -> Found:
    """Say whether a run's data are there."""
    manifest = read_manifest(run.folder.data)
    if manifest is None or (run.replay is not None and read_manifest(run.folder.replay) is None):
        return Found("ready")
    return Found("done", f"{manifest.details.get('rows'):,} examples")


def trained(run: Run) -> Found:
    """Say whether a run is trained: it is recorded then, and its checkpoints are whole."""
    published = _published(run)
    whole = len(published) == len(run.folder.steps())
    detail = f"step {published[-1]:,}" if published else ""
    made = all(is_interpolation(folder) for folder in wise_folders(run).values())
    if run.folder.sweep.is_file() and published and whole and made:
        return Found("done", detail)
    return Found("begun" if published else "ready", detail)


def _scored(digest: str, sweep: Sweep) -> Found:
    every = len(sweep.exams)
    done = every - len(sweep.missing(digest))
    state: State = "done" if done == every else "begun" if done else "ready"
    return Found(state, f"{done} of {every} benchmarks")


def _to_come(run: Run, published: int) -> int | None:
    """Return how many models a training will still make, if its length is known."""
    steps = run.settings.max_steps
    if steps is None:
        return None
    checkpoints = -(-steps // run.settings.checkpoint_every)
    return max(0, checkpoints - published) + len(run.settings.wise_ft)
