"""The benchmark keeps what forget expects of every benchmark, and no place is the right one."""

from __future__ import annotations

from collections import Counter

from forget.testing import BenchmarkConformance

from forget_dpo.measures import forget_benchmarks
from forget_dpo.measures.items import items

[BENCHMARK] = forget_benchmarks()


class TestMeasures(BenchmarkConformance):
    """The class above tries all that is expected; what follows is about this benchmark alone."""

    benchmark = BENCHMARK

    def test_no_answer_is_right_by_its_place(self) -> None:
        """Otherwise chance would be something else."""
        assert Counter(item["answer"] for item in items()) == dict.fromkeys(range(4), 10)

    def test_the_choices_of_an_item_differ(self) -> None:
        """Of two equal ones only one would be right."""
        assert all(len(set(item["choices"])) == 4 for item in items())
