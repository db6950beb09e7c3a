"""What every job does before it works: see to it that another one waits for its end."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from forget.errors import BusyError
from forget.scheduler.slurm import client
from forget.scheduler.slurm.caretaker import Caretakers, read_cluster
from forget.scheduler.slurm.ledger import Ledger
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.script import NOT_WANTED
from forget.scheduler.slurm.sizes import Budget
from forget.store.lock import exclusive

__all__ = ["alone", "guard", "this_job"]

_LOCK_WAIT_S = 300.0
"""How long a pass waits for another one."""


def guard(place: Place, name: str) -> int:
    """See to it that a caretaker waits for the end of the job that this is; return an exit status.

    Args:
        place: Whose job it is.
        name: The job's name. One that was given up is told so by the status `NOT_WANTED`.

    Raises:
        SlurmError: Slurm does not answer.
    """
    if name not in Ledger(place.ledger).open:
        return NOT_WANTED
    try:
        with exclusive(place.lock):
            listed = client.list_jobs()
            budget = Budget.of(read_cluster(place), listed)
            caretakers = Caretakers(place, listed, this_job())
            caretakers.ensure(budget, [this_job()])
    except BusyError:
        pass  # a pass is on its way, and does the same
    return 0


def this_job() -> str:
    """Return the number of the job that this process runs in; empty if it does not."""
    return os.environ.get("SLURM_JOB_ID", "")


@contextmanager
def alone(place: Place) -> Iterator[None]:
    """Hold the lock of a cluster's folder, waiting for another pass to end.

    Raises:
        BusyError: It does not end.
    """
    end = time.monotonic() + _LOCK_WAIT_S
    with ExitStack() as held:
        while True:
            try:
                held.enter_context(exclusive(place.lock))
                break
            except BusyError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)
        yield
