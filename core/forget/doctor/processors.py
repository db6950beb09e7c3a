"""Cores and memory: what there is to work with, with a GPU or without."""

from __future__ import annotations

import os
from collections.abc import Iterator

from forget.doctor.diagnosis import Check, Found

__all__ = ["processors"]

_LITTLE_GB = 4.0
"""Libraries, a batch, and a model of a few hundred million parameters."""


def processors() -> Iterator[Check]:
    """Yield the checks of cores and memory."""
    yield Check("machine", "cores", _cores)
    yield Check("machine", "memory", _memory)


def _cores() -> Found:
    there = os.cpu_count() or 1
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else there
    threads = os.environ.get("OMP_NUM_THREADS", "")
    told = f"; OMP_NUM_THREADS={threads} threads compute" if threads else ""
    if usable > 1 or there == 1:
        return Found(f"{usable} of {there} may be used{told}")
    return Found(
        f"1 of {there} may be used: preparing data and loading models take several times as long",
        "note",
        "ask for more in the job: --cpus-per-task=8",
    )


def _memory() -> Found:
    import psutil

    from forget.inference.memory import free_bytes

    free = free_bytes("cpu") / 1e9
    text = f"{free:,.1f} of {psutil.virtual_memory().total / 1e9:,.1f} GB are free"
    if free >= _LITTLE_GB:
        return Found(text)
    return Found(text, "note", "end other programs, or ask for more in the job: --mem=16G")
