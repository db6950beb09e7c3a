"""How often something is tried."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from forget.scheduler.slurm.ends import End, How
from forget.scheduler.slurm.tries import Tries


def after(*hows: How, progress: Sequence[int] = ()) -> Tries:
    """Return the tries after some ends; of the numbers in `progress`, with progress."""
    tries = Tries()
    for number, how in enumerate(hows):
        tries = tries.after(End(how, ""), progress=number in progress)
    return tries


def most(how: How, *, memory_left: bool = True, time_left: bool = True) -> int:
    """Return how often something ends so before it is given up."""
    for count in range(1, 100):
        if after(*[how] * count).given_up(memory_left=memory_left, time_left=time_left):
            return count
    raise AssertionError


@pytest.mark.parametrize("how", ["failed", "done"])
def test_twice_by_itself(how: How) -> None:
    assert most(how) == 2


@pytest.mark.parametrize("how", ["busy", "disk", "node", "preempted", "cancelled", "lost"])
def test_ten_times_if_it_is_hindered(how: How) -> None:
    assert most(how) == 10


def test_as_long_as_more_memory_or_time_helps() -> None:
    assert most("memory") == most("timeout") == 5
    assert most("memory", memory_left=False) == 2
    assert most("timeout", time_left=False) == 2


def test_kinds_are_added_where_they_are_alike() -> None:
    assert after("failed", "done").given_up(memory_left=True, time_left=True)
    mixed = after("failed", "node", "memory", "timeout")
    assert not mixed.given_up(memory_left=False, time_left=False)
    hindered = after(*["node", "cancelled"] * 5)
    assert hindered.given_up(memory_left=True, time_left=True)


def test_progress_starts_the_count_again() -> None:
    assert not after("failed", "failed", progress=[1]).given_up(memory_left=True, time_left=True)
    assert after("failed", "failed", "failed", progress=[1]).counts == {"failed": 2}


def test_memory_is_doubled_each_time_and_time_only_without_progress() -> None:
    grown = after("memory", "memory", "timeout", "timeout", progress=[1, 2])
    assert (grown.memory, grown.time) == (4.0, 2.0)


def test_another_process_or_a_full_disk_is_waited_for() -> None:
    assert after("node", "failed").wait_s == 0
    waits = [after(*["busy", "disk"] * count).wait_s for count in range(1, 6)]
    assert waits == [20, 80, 320, 600, 600]
