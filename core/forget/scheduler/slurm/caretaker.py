"""The small job that waits in the queue for another one to end, and looks what is to be done then.

A deputy waits for its end, however that comes: it is the next one.
It is known by its name alone, so a full disk does not end it. The number at the end of the name
counts the caretakers in a row that did not get through: each waits longer than the last, and there
is an end.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence

from forget.cluster import Cluster
from forget.convert import BadValue, structure, to_plain
from forget.errors import DataError
from forget.scheduler.slurm import client
from forget.scheduler.slurm.client import Listed
from forget.scheduler.slurm.place import Place
from forget.scheduler.slurm.script import caretaker_script, sbatch_options
from forget.scheduler.slurm.sizes import Budget, JobSize, caretaker_size
from forget.store.atomic import write_text

__all__ = ["Caretakers", "read_cluster", "write_cluster"]

_MOST = 12
"""How many caretakers in a row may fail."""

_AT_ONCE = 2
"""One, and a deputy; or one at work, and the next one."""


def write_cluster(place: Place, cluster: Cluster) -> None:
    """Keep what a caretaker is submitted with, for jobs that look for nothing else."""
    text = json.dumps(to_plain(cluster), indent=2) + "\n"
    if not place.caretaker.is_file() or place.caretaker.read_text(encoding="utf-8") != text:
        write_text(place.caretaker, text)


def read_cluster(place: Place) -> Cluster:
    """Return what `write_cluster` kept.

    Raises:
        DataError: It is not there, or damaged.
    """
    try:
        return structure(json.loads(place.caretaker.read_text(encoding="utf-8")), Cluster)
    except (OSError, ValueError, BadValue) as error:
        raise DataError(
            f"{place.caretaker} cannot be read ({error}). Run the command again by which the study "
            "was submitted: that writes it anew."
        ) from error


class Caretakers:
    """The caretakers of an output folder that are in the queue.

    Args:
        place: Whose.
        listed: All jobs of the user.
        me: Number of the job that this process runs in, if it does.

    Attributes:
        waiting: Those that have not started: one that waits for work to end, and its deputy, which
            waits for that one, in case it is cancelled.
        failed: How many in a row did not get through, before this one if it is one.
        running: How many are at work.
    """

    def __init__(self, place: Place, listed: Sequence[Listed], me: str) -> None:
        self._place, self._me = place, me
        self._listed = listed
        self._named = re.compile(re.escape(f"{place.prefix}-care-") + r"(\d+)$")
        own = [job for job in listed if self._named.match(job.name) and not job.ended]
        self.waiting = [job for job in own if job.waiting and job.job != me]
        self._known = frozenset(job.job for job in self.waiting)
        self.failed = sum(self._count(job) for job in own if job.job == me)
        self.running = len(own) - len(self.waiting)

    @property
    def queue(self) -> list[Listed]:
        """All jobs of the user, with the caretakers that wait now instead of those that did."""
        return [*(job for job in self._listed if job.job not in self._known), *self.waiting]

    def missing(self, cluster: Cluster) -> list[JobSize]:
        """Return what is to be left free for caretakers: there are two at a time."""
        there = len(self.waiting) + self.running
        return [caretaker_size(cluster)] * max(0, _AT_ONCE - there)

    def _count(self, job: Listed) -> int:
        match = self._named.match(job.name)
        return int(match[1]) if match else 0

    def ensure(self, budget: Budget, after: Sequence[str], *, failed: int = 0) -> bool:
        """See to it that one waits, and its deputy; say whether the budget allows one.

        Args:
            budget: What may be submitted; a caretaker counts.
            after: Jobs one of whose ends it waits for.
            failed: How many in a row did not get through by then, if it waits for that reason.
        """
        if not self.waiting:
            self._submit(budget, after, failed)
        if len(self.waiting) == 1 and not failed:
            self._submit(budget, [self.waiting[0].job], 1)
        return bool(self.waiting)

    def _submit(self, budget: Budget, after: Sequence[str], failed: int) -> None:
        cluster, name = budget.cluster, f"{self._place.prefix}-care-{failed}"
        size = caretaker_size(cluster)
        if failed >= _MOST or not budget.allows(size):
            return
        options = sbatch_options(
            cluster,
            name,
            size,
            dependency=client.any_end(after),
            wait_s=min(600, 5 * 2**failed) if failed > 1 else 0,
            warn=False,
        )
        number = client.submit(options, caretaker_script(self._place, cluster))
        self.waiting.append(
            Listed(number, name, "PENDING", "", size.memory_mb, size.cpus, size.gpus)
        )
        budget.take(size)

    def watch(self, jobs: Sequence[str]) -> None:
        """Have the one that waits start when any of some jobs ends, its deputy when that one does.

        Args:
            jobs: Their numbers.
        """
        after = jobs
        for count, caretaker in enumerate(self.waiting[:_AT_ONCE]):
            client.move(caretaker.job, after=after, name=f"{self._place.prefix}-care-{count}")
            after = [caretaker.job]
        client.cancel([extra.job for extra in self.waiting[_AT_ONCE:]])
        self.waiting = self.waiting[:_AT_ONCE]

    def fits_instead(self, budget: Budget, size: JobSize) -> bool:
        """Say whether a job fits the budget if those that wait are cancelled."""
        mine = caretaker_size(budget.cluster)
        for _ in self.waiting:
            budget.give_back(mine)
        fits = budget.allows(size)
        for _ in self.waiting:
            budget.take(mine)
        return fits

    def dismiss(self, budget: Budget) -> None:
        """Cancel those that wait."""
        client.cancel([job.job for job in self.waiting])
        for _ in self.waiting:
            budget.give_back(caretaker_size(budget.cluster))
        self.waiting = []
