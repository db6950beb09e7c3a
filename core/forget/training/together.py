"""What the processes of one training do together; with one process, nothing.

Every process runs the same code on its part of each batch. What is written or decided once, the
main process writes or decides, and the others are told. That goes over connections of its own
(gloo, on any machine), for the accelerators' are not made for waiting: hours pass while the main
process has the model write.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

__all__ = ["count", "from_main", "gather", "is_main", "rank"]

T = TypeVar("T")

_PATIENCE = timedelta(days=100)
"""One that is gone is noticed at once; this is for one that works."""


def count() -> int:
    """Return how many processes there are."""
    distributed = _distributed()
    return distributed.get_world_size() if distributed else 1


def rank() -> int:
    """Return which of them this one is, from 0."""
    distributed = _distributed()
    return distributed.get_rank() if distributed else 0


def is_main() -> bool:
    """Say whether this process is the one that writes."""
    return rank() == 0


def gather(value: T) -> list[T]:
    """Return the value that each process has, in their order; every process must come here.

    Args:
        value: Anything that can be pickled.
    """
    distributed = _distributed()
    if distributed is None:
        return [value]
    values: list[Any] = [None] * count()
    distributed.all_gather_object(values, value, group=_group())
    return values


def from_main(make: Callable[[], T]) -> T:
    """Have the main process make something, and return it in every process.

    Args:
        make: Called in the main process alone; returns anything that can be pickled.
    """
    distributed = _distributed()
    if distributed is None:
        return make()
    box: list[Any] = [make() if is_main() else None]
    distributed.broadcast_object_list(box, src=0, group=_group())
    made: T = box[0]
    return made


def _distributed() -> Any:
    """Return `torch.distributed` where it is in use; torch is not imported to find out."""
    distributed: Any = sys.modules.get("torch.distributed")
    in_use = distributed is not None and distributed.is_available() and distributed.is_initialized()
    return distributed if in_use else None


@cache
def _group() -> Any:
    return _distributed().new_group(backend="gloo", timeout=_PATIENCE)
