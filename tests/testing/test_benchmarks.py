"""The conformance of benchmarks finds each fault of the instant ones, broken in one place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.benchmark import Benchmark, TaskFile
from forget.mirror import Mirror
from forget.testing import BenchmarkConformance, instant_benchmark
from forget.testing.benchmarks import bound
from testing.trying import call, finds

TESTS = sorted(name for name in dir(BenchmarkConformance) if name.startswith("test_"))
SOUND = instant_benchmark()
WRITING = instant_benchmark("generation")


def try_it(benchmark: Any, name: str) -> None:
    given: dict[str, Callable[[], Any]] = {
        "subject": lambda: benchmark,
        "data": Mirror,
        "tasks": lambda: bound(benchmark, Mirror()),
    }
    call(getattr(BenchmarkConformance(), name), given)


def rewritten(folder: Path, changes: dict[str, str], kind: Any = "loglikelihood") -> Benchmark:
    """Write an instant benchmark of its own whose files have other texts in one place."""
    benchmark = instant_benchmark(kind)
    [task] = benchmark.tasks
    for source in (task.path, task.path.with_name("items.py")):
        text = source.read_text(encoding="utf-8")
        for old, new in changes.items():
            text = text.replace(old, new)
        (folder / source.name).write_text(text, encoding="utf-8")
    moved = TaskFile(name=task.name, path=folder / task.path.name)
    return attrs.evolve(benchmark, tasks=(moved,))


SAYS = "test_it_says_what_it_is"
FILES = "test_its_task_files_are_there"
METRIC = "test_its_metric_is_one_of_its_tasks"
SCORES = "test_each_item_has_a_score"
AGAIN = "test_its_items_are_the_same_again"
ELSEWHERE = "test_another_process_has_the_same_items"
CHANCE = "test_chance_is_what_guessing_gives"
[TASK] = SOUND.tasks
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    (SAYS, {"name": "Two Words"}, "the name 'Two Words' cannot be typed"),
    (SAYS, {"kind": "chat"}, "kind is 'chat'; it is one of loglikelihood, generation"),
    (SAYS, {"chance": 25}, "chance is 25; .*not a percentage"),
    (SAYS, {"chance": -0.1}, "chance is -0.1"),
    (SAYS, {"chance": 1.0}, "chance is 1.0"),
    (SAYS, {"items": 0}, "items is 0"),
    (SAYS, {"metric": ""}, "metric is empty"),
    (SAYS, {"metric": "acc,none"}, "'acc,none' names its filter"),
    (FILES, {"tasks": ()}, "it has no tasks"),
    (FILES, {"tasks": (TASK, TASK)}, "two of its tasks have one name"),
    (FILES, {"tasks": (attrs.evolve(TASK, path="none.yaml"),)}, "'instant_choices' is not there"),
    ("test_it_has_the_items_it_must_have", {"items": 11}, "items is 11, and its tasks have 12"),
    ("test_items_are_told_apart", {"tasks": (TASK, TASK)}, "two items pair as one"),
    ("test_its_kind_is_what_its_tasks_ask_for", {"kind": "generation"}, "asks for another: Score"),
    (METRIC, {"metric": "f1"}, "'f1' is not of the task 'instant_choices', which has acc"),
    (CHANCE, {"chance": 0.5}, r"chance is 0.5, and a model that guesses scores 0\.2"),
]
WRONG_FILES: list[tuple[str, dict[str, str], str]] = [
    (METRIC, {"higher_is_better: true": "higher_is_better: false"}, "a higher acc of the task"),
    (AGAIN, {"range(SUMS)": "__import__('random').sample(range(12), 12)"}, "loaded again"),
    (ELSEWHERE, {"range(SUMS)": "sorted(range(12), key=lambda n: hash(str(n)))"}, "in another"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow if n == ELSEWHERE else ()) for n in TESTS],
)
@pytest.mark.parametrize("benchmark", [SOUND, WRITING], ids=lambda benchmark: benchmark.name)
def test_a_sound_benchmark_passes(name: str, benchmark: Benchmark) -> None:
    try_it(benchmark, name)


@pytest.mark.parametrize(("name", "changes", "message"), FAULTS)
def test_a_fault_is_found(name: str, changes: dict[str, Any], message: str) -> None:
    with finds(message):
        try_it(attrs.evolve(SOUND, **changes), name)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes", "message"), WRONG_FILES)
def test_a_fault_of_its_files_is_found(
    name: str, changes: dict[str, str], message: str, tmp_path: Path
) -> None:
    with finds(message):
        try_it(rewritten(tmp_path, changes), name)


def test_a_score_beyond_a_share_is_found(tmp_path: Path) -> None:
    changes = {"metric_list:": "process_results: !function items.count\nmetric_list:"}
    benchmark = rewritten(tmp_path, changes)
    with (tmp_path / "items.py").open("a") as file:
        file.write("\n\ndef count(doc, results):\n    return {'acc': 40}\n")
    with finds(r"item 0 of the task 'instant_choices' has the acc 40.0, not in \[0, 1\]"):
        try_it(benchmark, SCORES)


def test_items_without_a_score_of_their_own_are_found(tmp_path: Path) -> None:
    changes = {"metric: acc": "metric: f1"}
    benchmark = attrs.evolve(rewritten(tmp_path, changes), metric="f1")
    with finds("has no f1, so it cannot be paired"):
        try_it(benchmark, SCORES)


def test_a_benchmark_that_nothing_written_passes_is_found(tmp_path: Path) -> None:
    changes = {'"{{choices[answer]}}"': '""'}
    with finds(r"chance is 0.0, and a model that guesses scores 1\.000"):
        try_it(rewritten(tmp_path, changes, "generation"), CHANCE)


def test_something_else_is_found() -> None:
    with finds("is no Benchmark"):
        try_it({"name": "sums"}, SAYS)
    with finds("which is no TaskFile"):
        task: Any = type("Task", (), {"name": "a", "path": TASK.path})()
        try_it(attrs.evolve(SOUND, tasks=(task,)), FILES)


def test_every_test_of_the_kit_has_its_fault() -> None:
    assert {name for name, *_ in [*FAULTS, *WRONG_FILES]} | {SCORES} == set(TESTS)


# --- published data


READ = attrs.evolve(SOUND, tasks=(attrs.evolve(TASK, mirror={"test": "sums/test.parquet"}),))


def test_without_a_mirror_what_needs_one_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match=r"published data \(sums/test\.parquet\)"):
        bound(READ, Mirror())


@pytest.mark.parametrize("name", [SAYS, FILES])
def test_without_a_mirror_what_needs_none_is_tried(name: str) -> None:
    try_it(READ, name)


def test_items_that_are_read_need_no_other_process() -> None:
    with pytest.raises(pytest.skip.Exception, match="reads its items from files"):
        BenchmarkConformance().test_another_process_has_the_same_items(READ, Mirror(), [])
