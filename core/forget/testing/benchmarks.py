"""The contract of benchmarks as tests: subclass `BenchmarkConformance` and name the benchmark."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from forget.benchmark import Benchmark, TaskFile
from forget.evaluation.harness import BoundTask, bind
from forget.evaluation.taskfiles import task_folder
from forget.inference.engine import Generate, Score
from forget.mirror import Mirror, chosen_mirror
from forget.testing.claims import check_names, heeds_deprecations
from forget.testing.processes import elsewhere

__all__ = ["BenchmarkConformance"]

MOST_ITEMS = 400
"""On how many items guessing is tried."""

GUESSES = 2000
"""How many guesses are made at least, over all items that are tried."""

KINDS = {"loglikelihood": Score, "generation": Generate}


@heeds_deprecations
class BenchmarkConformance:
    """What every benchmark must be.

    Whatever reads published data is skipped where no data mirror has been named: by `mirror`, or by
    the variable ``FORGET_DATA``.

    Attributes:
        benchmark: The benchmark; a subclass names it.
        mirror: The folder of a data mirror.
    """

    benchmark: ClassVar[Benchmark]
    mirror: ClassVar[Path | None] = None

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Benchmark:
        """The benchmark; override it to have several."""
        return cls.benchmark

    @pytest.fixture(scope="class")
    @classmethod
    def data(cls) -> Mirror:
        """Where its documents come from; override it to name a mirror that a fixture knows."""
        return chosen_mirror(cls.mirror)

    @pytest.fixture(scope="class")
    @classmethod
    def tasks(cls, subject: Benchmark, data: Mirror) -> Sequence[BoundTask]:
        """Its lm-eval tasks with the requests of some items."""
        return bound(subject, data)

    # --- what it says of itself

    def test_it_says_what_it_is(self, subject: Benchmark) -> None:
        assert isinstance(subject, Benchmark), f"{subject!r} is no Benchmark"
        check_names(subject)
        assert subject.kind in KINDS, f"kind is {subject.kind!r}; it is one of {', '.join(KINDS)}"
        assert 0 <= subject.chance < 1, (
            f"chance is {subject.chance}; the score of a model that knows nothing is at least 0 "
            "and below 1 (a share, not a percentage)"
        )
        assert subject.items >= 1, f"items is {subject.items}; a benchmark has some"
        assert subject.metric.strip(), "metric is empty; name the lm-eval metric that counts"
        assert "," not in subject.metric, (
            f"the metric {subject.metric!r} names its filter; write what stands before the comma"
        )

    def test_its_task_files_are_there(self, subject: Benchmark) -> None:
        assert subject.tasks, "it has no tasks"
        names = [file.name for file in subject.tasks]
        assert len(set(names)) == len(names), f"two of its tasks have one name: {names}"
        for file in subject.tasks:
            assert isinstance(file, TaskFile), f"tasks holds {file!r}, which is no TaskFile"
            path = task_folder() / file.path
            assert path.is_file(), (
                f"the file of the task {file.name!r} is not there: {path}. Name it relative to "
                "lm-eval's task folder, or absolutely"
            )

    # --- its items

    def test_it_has_the_items_it_must_have(
        self, subject: Benchmark, tasks: Sequence[BoundTask]
    ) -> None:
        found = sum(task.documents() for task in tasks)
        assert found == subject.items, f"items is {subject.items}, and its tasks have {found}"

    def test_items_are_told_apart(self, tasks: Sequence[BoundTask]) -> None:
        questions = [question for task in tasks for question in task.questions()]
        assert len(set(questions)) == len(questions), "two items pair as one"

    def test_its_items_are_the_same_again(
        self, subject: Benchmark, data: Mirror, tasks: Sequence[BoundTask]
    ) -> None:
        assert all_questions(subject, data) == _questions(tasks), (
            "its items are others when they are loaded again: scores could not be compared"
        )

    def test_another_process_has_the_same_items(
        self, subject: Benchmark, data: Mirror, tasks: Sequence[BoundTask]
    ) -> None:
        """What depends on hashes of texts, as the order of a set does, differs there."""
        if all(file.mirror for file in subject.tasks):
            pytest.skip("it reads its items from files and generates none")
        assert elsewhere(all_questions, subject, data) == _questions(tasks), (
            "its items are others in another process: scores could not be compared"
        )

    # --- how they are scored

    def test_its_kind_is_what_its_tasks_ask_for(
        self, subject: Benchmark, tasks: Sequence[BoundTask]
    ) -> None:
        for task in tasks:
            for request in task.requests():
                assert isinstance(request, KINDS[subject.kind]), (
                    f"kind is {subject.kind!r}, and the task {task.name!r} asks for another: "
                    f"{type(request).__name__}"
                )

    def test_its_metric_is_one_of_its_tasks(
        self, subject: Benchmark, tasks: Sequence[BoundTask]
    ) -> None:
        for task in tasks:
            known = task.task.aggregation()
            assert subject.metric in known, (
                f"the metric {subject.metric!r} is not of the task {task.name!r}, which has "
                f"{', '.join(known)}"
            )
            assert task.task.higher_is_better()[subject.metric], (
                f"a higher {subject.metric} of the task {task.name!r} is worse: a drop would be "
                "reported as a gain"
            )

    def test_each_item_has_a_score(self, subject: Benchmark, tasks: Sequence[BoundTask]) -> None:
        for task in tasks:
            for document in task.score(_guesses(subject, task, np.random.default_rng(0))):
                where = f"item {document.doc_id} of the task {task.name!r}"
                assert subject.metric in document.metrics, (
                    f"{where} has no {subject.metric}, so it cannot be paired: "
                    f"it has {', '.join(document.metrics) or 'no numbers'}"
                )
                value = document.metrics[subject.metric]
                assert 0 <= value <= 1, f"{where} has the {subject.metric} {value}, not in [0, 1]"

    def test_chance_is_what_guessing_gives(
        self, subject: Benchmark, tasks: Sequence[BoundTask]
    ) -> None:
        """Within four standard errors; a model that is to write writes nothing."""
        means = _guessed(subject, tasks)
        error = statistics.stdev(means) / math.sqrt(len(means)) if len(means) > 1 else 1.0
        found = statistics.fmean(means)
        assert abs(found - subject.chance) <= 4 * error + 0.005, (
            f"chance is {subject.chance}, and a model that guesses scores {found:.3f} "
            f"± {error:.3f} on {len(means)} items"
        )


def all_questions(benchmark: Benchmark, mirror: Mirror) -> list[tuple[str, str, int]]:
    """Return what the tried items pair by."""
    return _questions(bound(benchmark, mirror))


def bound(benchmark: Benchmark, mirror: Mirror) -> list[BoundTask]:
    """Build the tasks and the requests of some items; skip where there are no data for them."""
    read = [path for file in benchmark.tasks for path in file.mirror.values()]
    if read and mirror.root is None:
        pytest.skip(
            f"it reads published data ({read[0]}); name a data mirror by `mirror` or FORGET_DATA"
        )
    return bind(benchmark, mirror, MOST_ITEMS)


def _questions(tasks: Sequence[BoundTask]) -> list[tuple[str, str, int]]:
    return [question for task in tasks for question in task.questions()]


def _guessed(benchmark: Benchmark, tasks: Sequence[BoundTask]) -> list[float]:
    """Return each tried item's mean score over several guesses."""
    # The nonsense drawn is the same each time, so a benchmark does not fail by chance.
    rng = np.random.default_rng(0)
    items = sum(len(task.questions()) for task in tasks)
    rounds = 1 if benchmark.kind == "generation" else -(-GUESSES // items)
    means = []
    for task in tasks:
        scored = [task.score(_guesses(benchmark, task, rng)) for _ in range(rounds)]
        means += [
            statistics.fmean(document.metrics[benchmark.metric] for document in documents)
            for documents in zip(*scored, strict=True)
        ]
    return means


def _guesses(benchmark: Benchmark, task: BoundTask, rng: np.random.Generator) -> list[Any]:
    """Return responses of a model that knows nothing: to texts at random, or nothing written."""
    return [
        (_drawn(benchmark, request, rng), False) if isinstance(request, Score) else ""
        for request in task.requests()
    ]


def _drawn(benchmark: Benchmark, request: Score, rng: np.random.Generator) -> float:
    """Draw a log-likelihood that favours no length, whatever the metric normalises by."""
    text = request.continuation.strip()
    length = {"acc_norm": len(text), "acc_bytes": len(text.encode())}.get(benchmark.metric, 1)
    return -rng.random() * length
