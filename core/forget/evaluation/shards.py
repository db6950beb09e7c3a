"""One sweep divided among several processes: who answers which batch, settled without a lock."""

from __future__ import annotations

import heapq
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import attrs

from forget.errors import RequestError
from forget.store.atomic import storage_errors

__all__ = ["Shard", "balance", "freeze_rates", "parse_shard"]

_SHARD = re.compile(r"(\d+)/(\d+)")


@attrs.frozen
class Shard:
    """One part of a sweep: number `index`, from 1, of `count`."""

    index: int
    count: int

    def __str__(self) -> str:
        """Write it as it is asked for: ``2/4``."""
        return f"{self.index}/{self.count}"


def parse_shard(text: str) -> Shard:
    """Read ``2/4``.

    Raises:
        RequestError: It has another form, or there is no such shard.
    """
    match = _SHARD.fullmatch(text.strip())
    shard = Shard(int(match[1]), int(match[2])) if match else Shard(0, 0)
    if not 1 <= shard.index <= shard.count:
        raise RequestError(
            f"--shard takes K/N, the K-th of N parts with K from 1 to N, but got {text!r}. Write "
            "for instance --shard 1/4 in one process, --shard 2/4 in the next."
        )
    return shard


def balance(costs: Sequence[float], count: int) -> list[int]:
    """Divide pieces of work so that no shard takes much longer than another.

    The costliest piece goes to the shard with least to do so far (longest processing time first:
    Graham 1969, at most 4/3 of the best possible).

    Args:
        costs: What each piece costs.
        count: Number of shards.

    Returns:
        The shard of each piece, from 0; the same for the same arguments.
    """
    load = [(0.0, shard) for shard in range(count)]
    chosen = [0] * len(costs)
    for piece in sorted(range(len(costs)), key=lambda i: (-costs[i], i)):
        total, shard = heapq.heappop(load)
        chosen[piece] = shard
        heapq.heappush(load, (total + costs[piece], shard))
    return chosen


def freeze_rates(file: Path, measured: Mapping[str, float]) -> dict[str, float]:
    """Settle the seconds per unit of cost that all shards divide by: the first to come decides.

    Args:
        file: Where they are kept.
        measured: What this process would take.
    """
    own = file.with_name(f"{file.name}.{os.getpid()}")
    with storage_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(json.dumps(dict(measured)), encoding="utf-8")
        try:
            os.link(own, file)  # fails where the name is taken, on network file systems too
        except FileExistsError:
            pass
        finally:
            own.unlink()
    rates: dict[str, float] = json.loads(file.read_text(encoding="utf-8"))
    return rates
