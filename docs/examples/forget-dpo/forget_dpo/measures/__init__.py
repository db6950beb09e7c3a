"""A benchmark: how much of one unit is in another, as a task of lm-eval."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from forget.benchmark import Benchmark, TaskFile
from forget.hooks import hookimpl

TASK = Path(__file__).with_name("measures.yaml")


@hookimpl
def forget_benchmarks() -> Iterable[Benchmark]:
    """Yield the benchmark."""
    yield Benchmark(
        name="measures",
        title="Measures",
        summary="How many minutes an hour has, and the like",
        tasks=(TaskFile(name="measures", path=TASK),),
        metric="acc",
        chance=0.25,
        items=40,
    )
