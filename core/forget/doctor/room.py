"""Whether what runs will write fits: worked out from the numbers of parameters and checkpoints."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from forget.doctor.diagnosis import Check, Found
from forget.doctor.storage import left_gb
from forget.inference.models import ModelReference, cache_folder, hub_cache_folder
from forget.plan import Run
from forget.session import Session
from forget.store.atomic import existing_ancestor
from forget.store.manifest import read_manifest

__all__ = ["room"]

_BYTES = {"float32": 4, "bfloat16": 2}
_PUBLISHED = 2
"""Bytes of a weight as most models are published, and as packages are converted."""

_STATE = 2
"""Numbers for each trained weight that continuing needs: the two moments of AdamW."""

_ADAPTER = 0.01
"""An adapter beside the weights that it adapts."""


class _Need(NamedTuple):
    """What a run has yet to write.

    Attributes:
        models: How many checkpoints, and models made of them; None where nobody can tell.
        gb: What they take [GB]; None where the size of the model is not known either.
        passing_gb: What is needed besides while it trains: the state to continue from, twice.
        exact: It is so much; else it is so much at most.
    """

    models: int | None
    gb: float | None
    passing_gb: float
    exact: bool


def room(runs: Sequence[Run], session: Session) -> Iterator[Check]:
    """Yield the checks of the space that runs need, and of that for models yet to be had."""
    if runs:
        yield Check("storage", "room for runs", partial(_for_runs, runs, session))
    absent = {run.model.name: run.model for run in runs if run.model.folder is None}
    if absent:
        yield Check("storage", "room for models", partial(_for_models, list(absent.values())))


def _for_runs(runs: Sequence[Run], session: Session) -> Found:
    needs = _needs(runs, session)
    known = [need for need in needs if need.gb is not None]
    wanted = sum(need.gb or 0.0 for need in known)
    wanted += max((need.passing_gb for need in known), default=0.0)
    left, exact = left_gb(session.workspace.root), all(need.exact for need in needs)
    models = sum(need.models or 0 for need in known)
    text = f"{'' if exact else 'at most '}{models:,} checkpoints to come, {wanted:,.1f} GB"
    if len(known) < len(needs):
        text += f" (of {len(needs) - len(known)} run(s) nobody can tell)"
    text += f"; {left:,.1f} GB are left"
    if wanted <= left:
        return Found(text)
    return Found(
        text,
        "problem" if exact else "note",
        "raise checkpoint_every, remove old runs, or choose another folder with --out",
    )


def _needs(runs: Sequence[Run], session: Session) -> list[_Need]:
    from forget.scheduler.expected import Expectations

    expectations, found = Expectations(session), []
    for run in runs:
        data = read_manifest(run.folder.data)
        expected = expectations.to_come(run, data.details.get("rows") if data else None)
        parameters, settings = run.model.parameters(), run.settings
        if expected.models is None or parameters is None:
            found.append(_Need(expected.models, None, 0.0, expected.exact))
            continue
        share = _ADAPTER if settings.lora_rank else 1.0
        each_gb = share * parameters * _BYTES[settings.dtype] / 1e9
        # The new state is there before the old one goes.
        passing_gb = 2 * _STATE * each_gb if expected.models else 0.0
        found.append(_Need(expected.models, expected.models * each_gb, passing_gb, expected.exact))
    return found


def _for_models(models: Sequence[ModelReference]) -> Found:
    """Compare what models take that are yet to be fetched or converted with what is free there."""
    sizes = [model.parameters() for model in models]
    wanted = sum(size * _PUBLISHED / 1e9 for size in sizes if size is not None)
    folders = {existing_ancestor(_place(model)) for model in models}
    free = min(shutil.disk_usage(folder).free / 1e9 for folder in folders)
    unknown = sizes.count(None)
    text = f"{len(models)} to be had, {wanted:,.1f} GB"
    text += f" and {unknown} whose size nobody says" if unknown else ""
    text += f"; {free:,.1f} GB are free where they go"
    if wanted <= free:
        return Found(text)
    return Found(text, "problem", "free some space, or move the caches: HF_HOME, FORGET_CACHE")


def _place(model: ModelReference) -> Path:
    return cache_folder() if model.entry and model.entry.wheel else hub_cache_folder()
