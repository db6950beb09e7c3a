"""Every installed benchmark against the contract; a new one is picked up by being installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.benchmark import Benchmark
from forget.mirror import Mirror
from forget.plugins import load_plugins
from forget.testing import BenchmarkConformance

INSTALLED = {name: found.record for name, found in load_plugins().all("benchmarks").items()}
PUBLISHED = sorted(name for name, each in INSTALLED.items() if any(f.mirror for f in each.tasks))

# One of each kind is tried in the fast tier too.
FAST = ("mini_boolq", "mini_ifeval")
GENERATED = [
    pytest.param(name, marks=() if name in FAST else pytest.mark.slow)
    for name in sorted(INSTALLED.keys() - set(PUBLISHED))
]


@pytest.mark.slow
class TestGeneratedBenchmarks(BenchmarkConformance):
    @pytest.fixture(scope="class", params=GENERATED)
    @classmethod
    def subject(cls, request: pytest.FixtureRequest) -> Benchmark:
        benchmark: Benchmark = INSTALLED[request.param]
        return benchmark


@pytest.mark.slow
class TestPublishedBenchmarks(BenchmarkConformance):
    """Those whose items are read from files, where there is a data mirror."""

    @pytest.fixture(scope="class", params=PUBLISHED)
    @classmethod
    def subject(cls, request: pytest.FixtureRequest) -> Benchmark:
        benchmark: Benchmark = INSTALLED[request.param]
        return benchmark

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls, data_root: Path) -> Mirror:
        return Mirror(root=data_root)
