"""The small job that waits in the queue for another one to end, and looks what is to be done then.

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
        waiting: Those that have not started.
        failed: How many in a row did not get through, before this one.
    """

    def __init__(self, place: Place, listed: Sequence[Listed], me: str) -> None:
        self._place, self._me = place, me
        self._listed = listed
        self._named = re.compile(re.escape(f"{place.prefix}-care-") + r"(\d+)$")
        own = [job for job in listed if self._named.match(job.name) and not job.ended]
        self.waiting = [job for job in own if job.waiting and job.job != me]
        mine = [self._count(job) for job in own if job.job == me]
        self._known = frozenset(job.job for job in self.waiting)
        self.failed = max([*mine, *map(self._count, self.waiting)], default=0)

    @property
    def queue(self) -> list[Listed]:
        """All jobs of the user, with the caretakers that wait now instead of those that did."""
        return [*(job for job in self._listed if job.job not in self._known), *self.waiting]

    def _count(self, job: Listed) -> int:
        match = self._named.match(job.name)
        return int(match[1]) if match else 0

    def ensure(self, budget: Budget, after: Sequence[str], *, failed: int | None = None) -> bool:
        """See to it that one waits; say whether that could be done.

        Args:
            budget: What may be submitted; a caretaker counts.
            after: Jobs one of whose ends it waits for.
            failed: How many in a row did not get through by then, if it waits for that reason.
        """
        if self.waiting:
            return True
        cluster, failed = budget.cluster, failed or 0
        size = caretaker_size(cluster)
        if failed >= _MOST or not budget.allows(size):
            return False
        options = sbatch_options(
            cluster,
            f"{self._place.prefix}-care-{failed}",
            size,
            dependency=client.any_end(after),
            wait_s=min(600, 5 * 2**failed) if failed > 1 else 0,
            warn=False,
        )
        number = client.submit(options, caretaker_script(self._place, cluster))
        name = f"{self._place.prefix}-care-{failed}"
        self.waiting = [Listed(number, name, "PENDING", "", size.memory_mb, size.cpus, size.gpus)]
        budget.take(size)
        return True

    def watch(self, jobs: Sequence[str]) -> None:
        """Have the one that waits start when any of some jobs ends, and the others go."""
        for extra in self.waiting[1:]:
            client.cancel([extra.job])
        if self.waiting:
            client.move(self.waiting[0].job, after=jobs, name=f"{self._place.prefix}-care-0")
        self.waiting = self.waiting[:1]

    def make_room(self, budget: Budget, size: JobSize) -> bool:
        """Give up the one that waits if a job fits the budget then; say whether it does."""
        mine = caretaker_size(budget.cluster)
        for _ in self.waiting:
            budget.give_back(mine)
        fits = budget.allows(size)
        for _ in self.waiting:
            budget.take(mine)
        if fits:
            self.dismiss(budget)
        return fits

    def dismiss(self, budget: Budget) -> None:
        """Cancel those that wait."""
        client.cancel([job.job for job in self.waiting])
        for _ in self.waiting:
            budget.give_back(caretaker_size(budget.cluster))
        self.waiting = []
