"""One stage of a run by itself, as a job does it."""

from __future__ import annotations

import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext

from forget.errors import RequestError
from forget.plan import Run
from forget.progress import Progress
from forget.run import Stages, check_ready, preflight
from forget.scheduler.units import Stage, prepared, trained
from forget.session import Session
from forget.store import journal
from forget.store.lock import exclusive
from forget.store.manifest import read_manifest

__all__ = ["work"]


def work(
    run: Run, stage: Stage, models: Sequence[str], session: Session, progress: Progress
) -> None:
    """Do what is left of a stage; killed at any moment, calling it again continues.

    Args:
        run: The run.
        stage: What is done of it.
        models: What is evaluated: ``base``, ``step-000100``; none for all that is there.
        session: What it works with.
        progress: Where to report.

    Raises:
        RequestError: The stage before it is not done, or there is no such model.
        BusyError: Another process prepares or trains the run.
        ForgetError: It failed; what is finished is kept.
    """
    if stage == "evaluate":
        check_ready(run)  # it reads no training data
    else:
        preflight(run, session)
    if stage == "train" and read_manifest(run.folder.data) is None:
        raise RequestError(
            f"{run.title} cannot be trained: its data are not prepared. Do `forget work prepare` "
            "of it first."
        )
    with nullcontext() if stage == "evaluate" else exclusive(run.folder.lock):
        stages = Stages(run, session, progress)
        names = _known(models, stages.models()) if stage == "evaluate" else ()
        left = [name for name in names if stages.unfinished(name)]
        if not (left or _left(run, stage)):
            progress.note("There is nothing left to do.")
            return
        with _recorded(run, stage, len(left)):
            if stage == "train":
                stages.train()
            elif stage == "evaluate":
                stages.evaluate(left)
            else:
                stages.prepare()


@contextmanager
def _recorded(run: Run, stage: Stage, models: int) -> Iterator[None]:
    """Write down what a stage took; what is killed writes nothing."""
    started, status = time.monotonic(), "failed"
    try:
        yield
        status = "done"
    finally:
        record = {
            "stage": "generate" if stage == "prepare" and run.teacher is not None else stage,
            "models": models,
            "seconds": round(time.monotonic() - started, 3),
            "peak_gb": round(_peak_gb(), 3),
            "host": platform.node(),
            "status": status,
        }
        journal.append(run.folder.work_journal, [record])


def _peak_gb() -> float:
    """Return the most memory that this process or one it started has had [GB]."""
    unit = 1 if sys.platform == "darwin" else 1024  # bytes there, else KiB
    who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(process).ru_maxrss for process in who) * unit / 1e9


def _left(run: Run, stage: Stage) -> bool:
    """Say whether a stage that evaluates nothing has something left to do."""
    if stage == "train":
        return trained(run).state != "done"
    return stage != "evaluate" and prepared(run).state != "done"


def _known(asked: Sequence[str], there: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise RequestError(f"There is no {unknown[0]!r} to evaluate; there is {', '.join(there)}.")
    return asked or there
