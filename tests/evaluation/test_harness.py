from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.benchmark import Benchmark, TaskFile
from forget.errors import DataError, WorkError
from forget.evaluation.exam import BenchmarkExam
from forget.evaluation.harness import bind
from forget.inference.engine import Generate, Score
from forget.mirror import Mirror

Make = Callable[..., tuple[Benchmark, Mirror]]

CORE10 = {
    "arc_challenge": {"arc_challenge": 5},
    "arc_easy": {"arc_easy": 5},
    "hellaswag": {"hellaswag": 5},
    "winogrande": {"winogrande": 9},
    "piqa": {"piqa": 6},
    "boolq": {"boolq": 4},
    "openbookqa": {"openbookqa": 6},
    "truthfulqa_mc2": {"truthfulqa_mc2": 3},
    "mmlu": {"mmlu_anatomy": 2, "mmlu_astronomy": 3, "mmlu_virology": 3},
    "ifeval": {"ifeval": 4},
}
MINI = {
    "mini_arc_challenge": {"mini_arc_challenge": 5},
    "mini_arc_easy": {"mini_arc_easy": 5},
    "mini_hellaswag": {"mini_hellaswag": 5},
    "mini_winogrande": {"mini_winogrande": 8},
    "mini_piqa": {"mini_piqa": 6},
    "mini_boolq": {"mini_boolq": 6},
    "mini_openbookqa": {"mini_openbookqa": 6},
    "mini_truthfulqa": {"mini_truthfulqa": 6},
    "mini_mmlu": {
        "mini_mmlu_biology": 2,
        "mini_mmlu_geography": 3,
        "mini_mmlu_history": 2,
        "mini_mmlu_vocabulary": 3,
    },
    "mini_ifeval": {"mini_ifeval": 4},
}


@pytest.fixture(scope="module")
def core10(measure: Callable[..., Any], wide_model: Path, data_root: Path) -> Any:
    return measure(wide_model, CORE10, data_root)


@pytest.fixture(scope="module")
def mini(measure: Callable[..., Any], wide_model: Path) -> Any:
    return measure(wide_model, MINI, None)


@pytest.mark.slow
@pytest.mark.parametrize("name", CORE10)
def test_core10_is_scored_as_lm_eval_scores_it(core10: Any, name: str) -> None:
    core10.check(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", MINI)
def test_mini_is_scored_as_lm_eval_scores_it(mini: Any, name: str) -> None:
    mini.check(name)


# --- tasks


def test_requests_are_lm_evals(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"made": 2})
    (task,) = bind(benchmark, mirror, None)
    assert task.name == "made"
    assert task.requests() == [
        Score("Is 0 in made?", " yes"),
        Score("Is 0 in made?", " no"),
        Score("Is 1 in made?", " yes"),
        Score("Is 1 in made?", " no"),
    ]


def test_generation_carries_the_tasks_options(benchmarks: dict[str, Benchmark]) -> None:
    (task,) = bind(benchmarks["mini_ifeval"], Mirror(), 2)
    options = {"until": [], "do_sample": False, "temperature": 0.0, "max_gen_toks": 32}
    assert [(type(r), r.options) for r in task.requests()] == [(Generate, options)] * 2


def test_examples_of_the_task_file_are_not_shown(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"made": 3}, num_fewshot=2, fewshot_split="test")
    (task,) = bind(benchmark, mirror, 1)
    assert task.requests()[0] == Score("Is 0 in made?", " yes")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, {"a": 5, "b": 5, "c": 5}),
        (1, {"c": 1}),
        (2, {"b": 1, "c": 1}),
        (7, {"a": 2, "b": 2, "c": 3}),
        (9, {"a": 3, "b": 3, "c": 3}),
        (100, {"a": 5, "b": 5, "c": 5}),
    ],
)
def test_a_limit_is_spread_over_the_tasks(
    make_benchmark: Make, limit: int | None, expected: dict[str, int]
) -> None:
    benchmark, mirror = make_benchmark({"a": 5, "b": 5, "c": 5})
    found = {task.name: len(task.requests()) // 2 for task in bind(benchmark, mirror, limit)}
    assert found == expected


def test_documents_have_digests_that_pair_them(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"made": 4})

    def digests(limit: int | None) -> list[str]:
        (task,) = bind(benchmark, mirror, limit)
        answers = [[-1.0, True]] * len(task.requests())
        return [document.doc_hash for document in task.score(answers)]

    assert len(set(digests(None))) == 4
    assert digests(2) == digests(None)[:2]


def test_scoring_again_gives_the_same(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"made": 2})
    (task,) = bind(benchmark, mirror, None)
    right, wrong = [[-1.0, True], [-2.0, False]], [[-2.0, False], [-1.0, True]]
    first = [d.metrics["acc"] for d in task.score([*right, *wrong])]
    task.score([*wrong, *wrong])
    assert [d.metrics["acc"] for d in task.score([*right, *wrong])] == first == [1.0, 0.0]


@pytest.mark.slow
def test_sentences_are_counted_with_the_mirrors_data(
    benchmarks: dict[str, Benchmark], data_root: Path
) -> None:
    """Some of IFEval's first 60 items count sentences, and NLTK needs data for that."""
    exam = BenchmarkExam(benchmarks["ifeval"], Mirror(root=data_root), 60)
    texts = ["One sentence. Another one, a bit longer. And a third."] * 60
    assert len(exam.requests(Path())) == len(texts)
    assert 0 < exam.mark(texts).score < 1


WITHOUT_NLTK_DATA = """
import nltk, sys
from pathlib import Path
from forget.errors import DataError
from forget.evaluation.exam import BenchmarkExam
from forget.mirror import Mirror
from forget_benchmarks import core10

nltk.data.path.clear()
nltk.download = lambda *_, **__: False
(ifeval,) = (b for b in core10.forget_benchmarks() if b.name == "ifeval")
exam = BenchmarkExam(ifeval, Mirror(root=Path(sys.argv[1])), 60)
try:
    exam.check()
    requests = exam.requests(Path())
except DataError as error:
    print(f"DataError: {error}")
else:
    print(exam.mark(["One sentence. Another one, a bit longer. And a third."] * 60).score)
"""


def without_nltk_data(root: Path) -> str:
    """Mark IFEval in a process that has NLTK, but no data beside the mirror's, and no network."""
    environment = {name: value for name, value in os.environ.items() if name != "NLTK_DATA"}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NLTK_DATA, str(root)],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_sentences_are_counted_although_nltk_was_imported_before(data_root: Path) -> None:
    assert 0 < float(without_nltk_data(data_root)) < 1


@pytest.mark.slow
def test_a_mirror_without_data_for_counting_sentences(data_root: Path, tmp_path: Path) -> None:
    """Better said before 541 texts are written than when they are to be marked."""
    shutil.copytree(data_root / "ifeval", tmp_path / "ifeval")
    said = without_nltk_data(tmp_path)
    assert said.startswith("DataError: ")
    assert "punkt_tab" in said


# --- tasks that cannot be had


def test_a_split_that_is_not_there(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"made": 2}, test_split="train")
    with pytest.raises(DataError, match="'made' could not be loaded from the data mirror"):
        bind(benchmark, mirror, None)


def test_a_task_file_that_is_no_yaml(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"made": 2})
    benchmark.tasks[0].path.write_text("task: [")
    with pytest.raises(DataError, match="'made' could not be loaded") as caught:
        bind(benchmark, mirror, None)
    assert "\n" not in str(caught.value)


def test_a_file_the_mirror_lacks(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"made": 2})
    assert mirror.root is not None
    (mirror.root / "made" / "test.parquet").unlink()
    with pytest.raises(DataError, match=r"made is missing: there is no file .*test\.parquet"):
        bind(benchmark, mirror, None)


def test_a_generator_that_fails_is_named(tmp_path: Path) -> None:
    (tmp_path / "made.yaml").write_text(
        "task: made\ncustom_dataset: !function broken.dataset\ntest_split: test\n"
    )
    (tmp_path / "broken.py").write_text("def dataset(**_):\n    raise KeyError('colour')\n")
    benchmark = Benchmark(
        name="made",
        title="M",
        summary="s",
        tasks=(TaskFile(name="made", path=tmp_path / "made.yaml"),),
        metric="acc",
        chance=0.5,
        items=2,
    )
    with pytest.raises(DataError, match=r"'made' could not be loaded from made\.yaml.*colour"):
        bind(benchmark, Mirror(), None)


def test_a_kind_of_request_that_no_engine_answers(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark(
        {"made": 2}, output_type="loglikelihood_rolling", metric_list=[{"metric": "perplexity"}]
    )
    (task,) = bind(benchmark, mirror, None)
    with pytest.raises(WorkError, match="'made' asks for 'loglikelihood_rolling'"):
        task.requests()
