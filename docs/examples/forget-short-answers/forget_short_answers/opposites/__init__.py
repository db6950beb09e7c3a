"""A benchmark: an lm-eval task whose file stands beside this module."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from forget.benchmark import Benchmark, TaskFile
from forget.hooks import hookimpl


@hookimpl
def forget_benchmarks() -> Iterable[Benchmark]:
    """Yield the benchmark."""
    yield Benchmark(
        name="opposites",
        title="Opposites",
        summary="Which of two words is the opposite of a third",
        tasks=(TaskFile(name="opposites", path=Path(__file__).with_name("opposites.yaml")),),
        metric="acc",
        chance=0.5,
        items=12,
    )
