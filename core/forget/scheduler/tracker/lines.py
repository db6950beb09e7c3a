"""The lines of a tracker about planned runs: their training, and their evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from forget.catalogue import Catalogue, Entry
from forget.plan import PendingRun, Run
from forget.scheduler.jobs import JobLine, last_line
from forget.scheduler.tracker.facts import RunState, SweepLine, SweepState, TrainingLine
from forget.scheduler.tracker.views import Refused, View
from forget.store import journal
from forget.store.layout import RunFolder, Workspace
from forget.store.manifest import read_manifest

__all__ = ["curve_end", "pending_line", "refused_line", "sweep_line", "training_line"]

_AGAIN = "the same command continues it"


class _Said(NamedTuple):
    state: RunState
    detail: str = ""


def training_line(view: View, workspace: Workspace) -> TrainingLine:
    """Return what is to be said of a run's training."""
    run, steps = view.run, view.run.folder.steps()
    said = _said(view, steps)
    end = curve_end(run.folder) if said.state != "done" else {}
    reached = max(steps[-1] if steps else 0, int(end.get("step", 0)))
    expected = reached if said.state == "done" else view.train.steps
    data = read_manifest(run.folder.data) if view.prepare.state == "done" else None
    return TrainingLine(
        **_about(run, workspace),
        state=said.state,
        detail=said.detail,
        examples=data.details.get("rows") if data else None,
        checkpoints=len(steps),
        expected_checkpoints=_checkpoints(view, steps, expected),
        every=run.settings.checkpoint_every,
        step=reached,
        expected_steps=expected,
    )


def _checkpoints(view: View, steps: Sequence[int], expected: int | None) -> int | None:
    """Return how many checkpoints a training makes in all; None if that is not known yet."""
    if view.train.state == "done":
        return len(steps)
    every, made_of_last = view.run.settings.checkpoint_every, len(view.run.settings.wise_ft)
    to_come = [unit for unit in view.evaluations if not unit.model and unit.exact]
    if to_come and to_come[0].expected is not None:
        return len(steps) + to_come[0].expected - made_of_last
    return None if expected is None else -(-expected // every)


def refused_line(refused: Refused, workspace: Workspace) -> TrainingLine:
    """Return the line of a run whose directory holds another."""
    return TrainingLine(**_about(refused.run, workspace), state="refused", detail=refused.reason)


def pending_line(run: PendingRun, catalogue: Catalogue) -> TrainingLine:
    """Return the line of a run that waits for a plugin."""
    study, model, dataset, method, seed = run.title.split(" / ")
    return TrainingLine(
        run=run.title,
        path="",
        study=study,
        model=model,
        dataset=_title(dataset, catalogue.datasets),
        method=_title(method, catalogue.methods),
        seed=int(seed.removeprefix("seed ")),
        state="pending",
        detail=f"waits for {run.waits_for}: {run.remedy}",
    )


def _title(name: str, entries: Mapping[str, Entry]) -> str:
    return entries[name].title if name in entries else name


def sweep_line(view: View) -> SweepLine:
    """Return what is to be said of a run's evaluation."""
    models = [view.base, *(unit for unit in view.evaluations if unit.model)]
    to_come = [u.expected if u.exact else None for u in view.evaluations if not u.model]
    done = sum(unit.state == "done" for unit in models)
    partly = sum(unit.state == "begun" for unit in models)
    total = None if None in to_come else len(models) + sum(count or 0 for count in to_come)
    left = [unit for unit in (view.base, *view.evaluations) if unit.state != "done"]
    at_work = view.at_work(*left)
    state: SweepState = "partly done" if done or partly else "not started"
    detail = ""
    if done == total:
        state = "done"
    elif at_work:
        state, detail = _WORD[at_work[0].state], _last(at_work[0].detail)
    elif why := _failure(view.run.folder, "evaluate"):
        state, detail = "failed", why
    return SweepLine(
        run=view.run.title,
        done=done,
        total=total,
        partly=partly,
        state=state,
        detail=detail,
        jobs=tuple(dict.fromkeys(job.job for job in at_work)),
        machine=view.looked.sweep.fingerprint.rpartition("-")[0],
    )


_WORD: dict[str, Any] = {
    "running": "running",
    "queued": "queued",
    "held": "queued",
    "quarantined": "failed",
}


def _about(run: Run, workspace: Workspace) -> dict[str, Any]:
    name, title = run.method.record.name, run.method.record.title
    label = run.title.split(" / ")[3].removeprefix(name)
    return {
        "run": run.title,
        "path": run.folder.path.relative_to(workspace.root).as_posix(),
        "study": run.study,
        "model": run.model.name,
        "dataset": run.dataset.record.title,
        "method": f"{title}{label}",
        "seed": run.seed,
    }


def _said(view: View, steps: Sequence[int]) -> _Said:
    if view.train.state == "done":
        return _Said("done")
    at_work = view.at_work(view.train, view.prepare)
    if at_work:
        return _of_job(at_work[0], view)
    stage = view.prepare.stage if view.prepare.state != "done" else "train"
    why = _failure(view.run.folder, stage)
    if why:
        return _Said("failed", why)
    if steps or curve_end(view.run.folder):
        return _Said("stopped", _AGAIN)
    if view.prepare.state == "done":
        return _Said("data ready")
    return _Said("not started")


def _of_job(job: JobLine, view: View) -> _Said:
    preparing = view.prepare.name in job.units
    what = {"generate": "the teacher writes", "prepare": "prepares data"}
    word: RunState = _WORD[job.state]
    if job.state == "running":
        return _Said(word, what[view.prepare.stage] if preparing else "")
    return _Said(word, _last(job.detail))


def _last(detail: str) -> str:
    """Return the last line of the end of a log, which is the error; all of it is with the jobs."""
    return (detail.strip().splitlines() or [""])[-1]


def _failure(run: RunFolder, stage: str) -> str:
    """Say why a stage failed when it was done last; empty if it did not, or nobody knows."""
    records = [r for r in journal.read(run.work_journal) if r.get("stage") == stage]
    if not records or records[-1].get("status") != "failed":
        return ""
    return str(records[-1].get("why") or f"see {run.path}")


def curve_end(run: RunFolder) -> dict[str, Any]:
    """Return the last line of a training's curve; nothing if there is none yet."""
    try:
        found = json.loads(last_line(run.curve) or "{}")
    except ValueError:  # it is being written
        return {}
    return found if isinstance(found, dict) else {}
