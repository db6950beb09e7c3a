"""One stage of a run by itself, as a job does it."""

from __future__ import annotations

import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import attrs

from forget.errors import ForgetError, RequestError
from forget.plan import Run
from forget.progress import Progress
from forget.run import (
    BASE,
    Stages,
    check_frozen,
    check_ready,
    refresh_record,
    trained_models,
)
from forget.scheduler.costs import like
from forget.scheduler.units import Stage, prepared, trained
from forget.session import Session
from forget.store import journal
from forget.store.layout import checkpoint_name
from forget.store.lock import exclusive, holder_of
from forget.store.manifest import read_manifest

__all__ = ["check_work", "work"]

_LEFT_S = 60.0
"""Age at which the mark of a process that holds it no more was left by a killed one."""


def check_work(run: Run, stage: Stage, models: Sequence[str]) -> None:
    """Find what can be wrong with a stage of a run, before anything is written.

    Raises:
        RequestError: The stage before it is not done, there is no such model, or the run directory
            was made with other settings.
    """
    if stage == "evaluate":
        check_frozen(run)  # it needs neither the teacher nor the GPUs of the training
        there = _there(run)
        unknown = [name for name in models if name not in there]
        if unknown:
            known = ", ".join(there)
            raise RequestError(f"There is no {unknown[0]!r} to evaluate; there is {known}.")
        return
    check_ready(run)
    if stage == "train" and read_manifest(run.folder.data) is None:
        raise RequestError(
            f"{run.title} cannot be trained: its data are not prepared. Do `forget work prepare` "
            "of it first."
        )


def _there(run: Run) -> list[str]:
    """Name what can be evaluated: the base, the checkpoints, and what is made of the last one."""
    made = [model for model in trained_models(run) if model.folder.is_dir()]
    if trained(run).state != "done":  # that may be of another checkpoint than is now the last
        made = [model for model in made if model.name == checkpoint_name(model.step)]
    return [BASE, *(model.name for model in made)]


def work(
    run: Run, stage: Stage, models: Sequence[str], session: Session, progress: Progress
) -> None:
    """Do what is left of a stage; killed at any moment, calling it again continues.

    Args:
        run: The run; `check_work` found nothing wrong.
        stage: What is done of it.
        models: What is evaluated: ``base``, ``step-000100``; none for all that is there.
        session: What it works with.
        progress: Where to report.

    Raises:
        BusyError: Another process prepares or trains the run.
        ForgetError: It failed; what is finished is kept.
    """
    if stage == "evaluate":
        _evaluate(run, models or _there(run), session, progress)
        return
    with exclusive(run.folder.lock, stage):
        before = trained(run) if stage == "train" else prepared(run)
        stages = Stages(run, session, progress)
        with _recorded(run, stage, 0, session, whole=before.state == "ready"):
            stages.train() if stage == "train" else stages.prepare()


def _evaluate(run: Run, models: Sequence[str], session: Session, progress: Progress) -> None:
    stages = Stages(run, session, progress)
    left = [name for name in models if stages.unfinished(name)]
    if not left:
        progress.note("There is nothing left to do.")
    with _announced(run, left), _recorded(run, "evaluate", len(left), session, whole=True):
        stages.evaluate(left)
    if trained(run).state == "done":
        refresh_record(run, session)


@contextmanager
def _announced(run: Run, models: Sequence[str]) -> Iterator[None]:
    """Let others see that models are evaluated here; several processes may be at the same."""
    folder = run.folder.evaluating
    for left in folder.iterdir() if folder.is_dir() else ():
        if holder_of(left) is None and time.time() - left.stat().st_mtime > _LEFT_S:
            left.unlink(missing_ok=True)
    mark = folder / f"{platform.node()}-{os.getpid()}"
    with exclusive(mark, "evaluate", *models):
        try:
            yield
        finally:
            mark.unlink(missing_ok=True)


@contextmanager
def _recorded(
    run: Run, stage: Stage, models: int, session: Session, *, whole: bool
) -> Iterator[None]:
    """Write down what a stage took, if all of it was done at once; killed, it writes nothing."""
    started, status, why = time.monotonic(), "failed", ""
    try:
        yield
        status = "done"
    except KeyboardInterrupt:
        status = "interrupted"
        raise
    except Exception as error:
        why = str(error) if isinstance(error, ForgetError) else f"{type(error).__name__}: {error}"
        raise
    finally:
        if whole and (models or stage != "evaluate"):
            record = {
                "stage": "generate" if stage == "prepare" and run.teacher is not None else stage,
                **like(run, stage),
                "models": models,
                "seconds": round(time.monotonic() - started, 3),
                "peak_gb": round(_peak_gb(), 3),
                "host": platform.node(),
                "machine": attrs.asdict(session.machine) if stage == "evaluate" else None,
                "status": status,
                **({"why": why} if why else {}),
            }
            journal.append(run.folder.work_journal, [record])


def _peak_gb() -> float:
    """Return the most memory that this process or one it started has had [GB]."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, else KiB
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(process).ru_maxrss for process in who) * unit / 1e9
