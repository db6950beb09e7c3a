"""The benchmark is what forget expects of every benchmark."""

from forget_short_answers.opposites import forget_benchmarks

from forget.testing import BenchmarkConformance


class TestOpposites(BenchmarkConformance):
    """Its items are generated, so no data mirror is named."""

    benchmark = next(iter(forget_benchmarks()))
