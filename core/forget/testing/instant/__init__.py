"""Benchmarks of a few generated items that are there at once: no download, no model needed."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from forget.benchmark import Benchmark, TaskFile

__all__ = ["instant_benchmark"]


def instant_benchmark(kind: Literal["loglikelihood", "generation"] = "loglikelihood") -> Benchmark:
    """Return a benchmark of twelve sums.

    Args:
        kind: Whether the model chooses the sum among four or writes it.
    """
    chosen = kind == "loglikelihood"
    name = "instant_choices" if chosen else "instant_writing"
    return Benchmark(
        name=name,
        title="Instant choices" if chosen else "Instant writing",
        summary="Twelve sums",
        tasks=(TaskFile(name=name, path=Path(__file__).with_name(f"{name}.yaml")),),
        metric="acc" if chosen else "exact_match",
        chance=0.25 if chosen else 0.0,
        items=12,
        kind=kind,
    )
