"""What can be done now, and whether something was done of it: the same for every executor."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

import attrs

from forget.errors import ModelError
from forget.inference.models import find_model
from forget.inference.weights import model_digest
from forget.plan import Run
from forget.run import BASE, trained_models
from forget.scheduler.units import Unit, units_of
from forget.session import Session

__all__ = ["look_again", "progress_of", "ready_units"]


def look_again(runs: Sequence[Run], session: Session) -> tuple[list[Run], list[Unit]]:
    """Return the units of some runs as they are now, and the runs with models that came since.

    A model may have been fetched or converted meanwhile.
    """
    there = [
        run
        if run.model.folder is not None
        else attrs.evolve(run, model=find_model(run.model.name, session.catalogue))
        for run in runs
    ]
    return there, units_of(there, session)


def ready_units(
    units: Sequence[Unit], given_up: Collection[str], aside: Collection[str]
) -> list[Unit]:
    """List the units that can be done now.

    Args:
        units: All units.
        given_up: Names of those that are not tried any more.
        aside: Names of those that somebody works on, or that are to rest for a while.
    """
    done = {unit.name for unit in units if unit.state == "done"}
    closed = done | set(given_up)
    return [
        unit
        for unit in units
        if unit.name not in closed
        and unit.name not in aside
        and done.issuperset(unit.needs)
        and closed.issuperset(unit.after)
    ]


def progress_of(unit: Unit, session: Session) -> str:
    """Return what changes when some of a unit is done, be it a part of a benchmark or of a text."""
    written = sum(file.stat().st_size for file in _journals(unit, session))
    return f"{unit.state} {unit.detail} {written}"


def _journals(unit: Unit, session: Session) -> list[Path]:
    """List the files that grow while a unit is done."""
    folder = unit.run.folder
    if unit.stage == "evaluate":
        digest = _digest(unit)
        found = session.workspace.root.glob(f"evaluations/{digest[:16]}/*/.*.answers/*.jsonl")
        return list(found) if digest else []
    own = [file for file in folder.path.rglob("*.jsonl") if file != folder.work_journal]
    if unit.stage == "generate":
        own += session.workspace.trajectories.glob("*/*/completions.jsonl")
    return own


def _digest(unit: Unit) -> str:
    run = unit.run
    if unit.model == BASE:
        return run.model.digest(recompute=False) if run.model.folder is not None else ""
    folders = {model.name: model.folder for model in trained_models(run)}
    try:
        return model_digest(folders[unit.model], recompute=False)
    except (KeyError, ModelError):
        return ""
