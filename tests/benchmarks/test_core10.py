"""The suite `core10`: the study's table, and that the published documents are what it says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from forget.evaluation.harness import bind
from forget.evaluation.taskfiles import task_folder
from forget.mirror import Mirror
from forget_benchmarks import core10
from forget_benchmarks.core10.mmlu import SUBJECTS

BENCHMARKS = {benchmark.name: benchmark for benchmark in core10.forget_benchmarks()}

# name, metric, items, chance
TABLE = [
    ("arc_challenge", "acc_norm", 1172, 0.25),
    ("arc_easy", "acc_norm", 2376, 0.25),
    ("hellaswag", "acc_norm", 10042, 0.25),
    ("winogrande", "acc", 1267, 0.5),
    ("piqa", "acc_norm", 1838, 0.5),
    ("boolq", "acc", 3270, 0.5),
    ("openbookqa", "acc_norm", 500, 0.25),
    ("truthfulqa_mc2", "acc", 817, 0.4484),
    ("mmlu", "acc", 14042, 0.25),
    ("ifeval", "prompt_level_strict_acc", 541, 0.0),
]


def test_it_is_the_table_of_the_study() -> None:
    found = [(b.name, b.metric, b.items, b.chance) for b in BENCHMARKS.values()]
    assert found == TABLE


def test_only_ifeval_is_written_and_not_chosen() -> None:
    assert [b.name for b in BENCHMARKS.values() if b.kind == "generation"] == ["ifeval"]


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "mmlu"])
def test_a_benchmark_is_lm_evals_task_of_its_name(name: str) -> None:
    (file,) = BENCHMARKS[name].tasks
    assert file.name == name
    assert f"task: {name}\n" in (task_folder() / file.path).read_text(encoding="utf-8")


def test_mmlu_is_lm_evals_subjects() -> None:
    names = [file.name for file in BENCHMARKS["mmlu"].tasks]
    assert names == [f"mmlu_{subject}" for subject in SUBJECTS]
    assert len(set(names)) == 57
    folder = task_folder() / "mmlu" / "default"
    assert {path.stem for path in folder.glob("mmlu_*.yaml")} == set(names)


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_published_documents_have_the_stated_number_and_chance(
    name: str, data_root: Path
) -> None:
    benchmark = BENCHMARKS[name]
    guesses = [
        guess
        for bound in bind(benchmark, Mirror(root=data_root), None)
        for guess in _guesses(name, bound.task)
    ]
    assert len(guesses) == benchmark.items
    # A few questions of ARC have three or five choices: a quarter to three decimals.
    assert benchmark.chance == pytest.approx(_mean(guesses), abs=5e-4)


@pytest.mark.parametrize(
    ("name", "clusters", "largest"), [("boolq", 2939, 9), ("hellaswag", 8407, 10)]
)
def test_items_about_one_text_are_clusters(
    name: str, clusters: int, largest: int, data_root: Path
) -> None:
    (file,) = BENCHMARKS[name].tasks
    (path,) = file.mirror.values()
    field = BENCHMARKS[name].cluster
    assert field is not None
    counts = Counter(pq.read_table(data_root / path)[field].to_pylist())
    assert (len(counts), max(counts.values())) == (clusters, largest)


def test_only_where_items_share_a_text_are_there_clusters() -> None:
    assert [b.name for b in BENCHMARKS.values() if b.cluster] == ["hellaswag", "boolq"]


def _guesses(name: str, task: Any) -> Iterable[float]:
    """Return the score that a model which knows nothing may expect on each document."""
    requests = Counter(instance.doc_id for instance in task.instances)
    if name == "ifeval":
        return [0.0 for _ in requests]
    if name == "truthfulqa_mc2":
        return [_mean(task.eval_docs[index]["mc2_targets"]["labels"]) for index in requests]
    return [1 / choices for choices in requests.values()]


def _mean(values: Iterable[float]) -> float:
    listed = list(values)
    return sum(listed) / len(listed)
