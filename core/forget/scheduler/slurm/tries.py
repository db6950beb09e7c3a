"""How often something is tried: twice if it fails by itself, more often if it is hindered."""

from __future__ import annotations

from collections.abc import Mapping

import attrs

from forget.scheduler.slurm.ends import End, How

__all__ = ["Tries"]

_BY_ITSELF = 2
"""How often a unit is tried that ends by itself without progress."""

_HINDERED = 10
"""How often one whose job others ended: nodes, preemption, `scancel`, a full disk."""

_OTHERS: frozenset[How] = frozenset({"busy", "disk", "node", "preempted", "cancelled", "lost"})
_GROWTHS = 5
"""How often memory or time are doubled at most."""


@attrs.frozen
class Tries:
    """The tries of a unit since it made progress last.

    Attributes:
        counts: How often each kind of end.
        memory: Factor on the memory of its job.
        time: Factor on its time limit.
    """

    counts: Mapping[How, int] = attrs.field(factory=dict)
    memory: float = 1.0
    time: float = 1.0

    def after(self, end: End, *, progress: bool) -> Tries:
        """Return the tries after another one."""
        counts = {} if progress else self.counts
        found = attrs.evolve(self, counts={**counts, end.how: counts.get(end.how, 0) + 1})
        if end.how == "memory":
            return attrs.evolve(found, memory=self.memory * 2)
        if end.how == "timeout" and not progress:
            return attrs.evolve(found, time=self.time * 2)
        return found

    def given_up(self, *, memory_left: bool, time_left: bool) -> bool:
        """Say whether it is not tried again.

        Args:
            memory_left: Whether a job can have more memory than the last one had.
            time_left: Whether it can have more time.
        """
        by_itself = sum(self.counts.get(how, 0) for how in ("failed", "done"))
        others = sum(count for how, count in self.counts.items() if how in _OTHERS)
        memory, time = self.counts.get("memory", 0), self.counts.get("timeout", 0)
        return (
            by_itself >= _BY_ITSELF
            or others >= _HINDERED
            or memory >= (_GROWTHS if memory_left else _BY_ITSELF)
            or time >= (_GROWTHS if time_left else _BY_ITSELF)
        )

    @property
    def wait_s(self) -> int:
        """How long it rests before the next try [s]: another process or a full disk takes time."""
        count = sum(self.counts.get(how, 0) for how in ("busy", "disk"))
        return min(600, 5 * 2**count) if count else 0
