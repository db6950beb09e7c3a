from __future__ import annotations

from pathlib import Path

import attrs
import pytest

from foreign_results import DATE, make_results
from forget.benchmark import Benchmark, TaskFile
from forget.errors import DataError
from forget.verdict.answered import Side
from forget.verdict.foreign import foreign_side


def benchmark(name: str, *tasks: str, metric: str = "acc") -> Benchmark:
    return Benchmark(
        name=name,
        title=name.upper(),
        summary="",
        tasks=tuple(TaskFile(name=task, path=f"{task}.yaml") for task in tasks),  # type: ignore[arg-type]
        metric=metric,
        chance=0.25,
        items=100,
    )


def read(folder: Path, *benchmarks: Benchmark) -> Side:
    return foreign_side(folder, "mine", benchmarks)


def test_a_registered_benchmark_of_several_tasks(tmp_path: Path) -> None:
    """It has its own name, metric and chance; the rest are benchmarks by themselves."""
    tasks = {name: {"acc": [1, 0], "acc_norm": [0, 0]} for name in ("a", "b", "c")}
    make_results(tmp_path, tasks)
    side = read(tmp_path, benchmark("ab", "a", "b"), benchmark("cd", "c", "d"))
    assert (side.name, side.model) == ("mine", "some/model")
    assert list(side.answered) == ["ab", "c"]
    both, single = side.answered.values()
    assert (both.title, both.metric, both.chance) == ("AB", "acc", 0.25)
    assert both.details == {"required_items": 100}
    assert [(item.task, item.score) for item in both.read()] == [
        ("a", 1), ("a", 0), ("b", 1), ("b", 0),
    ]  # fmt: skip
    assert (single.title, single.metric, single.chance) == ("c", "acc_norm", None)
    assert both.origin == "lm-eval"
    assert both.settings["n-shot"] == "0"


def test_items_that_share_what_the_benchmark_says(tmp_path: Path) -> None:
    make_results(tmp_path, {"a": {"acc": [1, 0]}})
    sharing = attrs.evolve(benchmark("a", "a"), cluster="answer")
    first, second = read(tmp_path, sharing).answered["a"].read()
    assert first.cluster == second.cluster != ""
    assert read(tmp_path, benchmark("a", "a")).answered["a"].read()[0].cluster == ""


def test_groups_whose_score_is_the_mean_over_items(tmp_path: Path) -> None:
    tasks = {"a": {"acc": [1, 1, 1]}, "b": {"acc": [0]}, "c": {"acc": [0, 0]}}
    groups = {"all": (["part", "c"], 0.5), "part": (["a", "b"], 0.75), "tag": ([], 0.0)}
    make_results(tmp_path, tasks, groups=groups)
    side = read(tmp_path)
    assert list(side.answered) == ["all"]
    assert len(side.answered["all"].read()) == 6


def test_other_groups_fall_into_their_tasks(tmp_path: Path) -> None:
    """Averaged by task, of different metrics, or without a score: a pooled mean would be wrong."""
    tasks = {"a": {"acc": [1, 1, 1]}, "b": {"acc": [0]}, "c": {"acc_norm": [1]}}
    make_results(tmp_path, tasks, groups={"macro": (["a", "b"], 0.5), "mixed": (["b", "c"], 0.5)})
    assert list(read(tmp_path).answered) == ["a", "b", "c"]


def test_a_group_that_is_not_whole(tmp_path: Path) -> None:
    make_results(tmp_path, {"a": {"acc": [1]}, "b": {"acc": [1]}}, groups={"g": (["a", "b"], 1.0)})
    (tmp_path / f"samples_b_{DATE}.jsonl").unlink()
    side = read(tmp_path)
    assert list(side.answered) == ["a"]
    assert "no samples of it" in side.left_out["b"]


def test_what_cannot_be_compared_is_named(tmp_path: Path) -> None:
    make_results(tmp_path, {"a": {"acc": [1]}, "b": {"bleu": [30.0]}, "c": {"acc": [1]}})
    side = read(tmp_path, benchmark("cc", "c", metric="f1"))
    assert list(side.answered) == ["a"]
    assert side.left_out == {
        "cc": "its f1 is none of its metrics",
        "b": "it has no metric that can be compared item by item (bleu is not a share from 0 to 1)",
    }


def test_nothing_that_can_be_compared(tmp_path: Path) -> None:
    make_results(tmp_path, {"b": {"bleu": [30.0]}})
    with pytest.raises(DataError, match=r"nothing that can be compared: b: it has no metric"):
        read(tmp_path)


def test_results_without_samples(tmp_path: Path) -> None:
    make_results(tmp_path, {"b": {"acc": [1]}})
    (tmp_path / f"samples_b_{DATE}.jsonl").unlink()
    with pytest.raises(DataError, match=r"no samples of items\. .* --log_samples"):
        read(tmp_path)


def test_settings_that_differ_among_the_tasks_of_a_benchmark(tmp_path: Path) -> None:
    tasks = {"a": {"acc": [1]}, "b": {"acc": [1]}}
    make_results(tmp_path, tasks, **{"n-shot": {"a": 0, "b": 5}})
    settings = read(tmp_path, benchmark("ab", "a", "b")).answered["ab"].settings
    assert settings["n-shot"] == "0 | 5"
    assert settings["dtype"] == "float32"
