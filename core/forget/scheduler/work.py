"""One stage of a run by itself, as a job does it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

from forget.errors import RequestError
from forget.plan import Run
from forget.progress import Progress
from forget.run import Stages, check_ready, preflight
from forget.scheduler.units import Stage
from forget.session import Session
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
        if stage == "train":
            stages.train()
        elif stage == "evaluate":
            stages.evaluate(_known(models, stages.models()))
        else:
            stages.prepare()


def _known(asked: Sequence[str], there: Sequence[str]) -> Sequence[str]:
    unknown = [name for name in asked if name not in there]
    if unknown:
        raise RequestError(f"There is no {unknown[0]!r} to evaluate; there is {', '.join(there)}.")
    return asked or there
