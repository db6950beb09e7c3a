from __future__ import annotations

from collections.abc import Callable
from math import exp
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.benchmark import Benchmark
from forget.evaluation.details import text_details
from forget.evaluation.exam import BenchmarkExam
from forget.evaluation.harness import bind
from forget.metrics.calibration import calibration_error
from forget.mirror import Mirror

Make = Callable[..., tuple[Benchmark, Mirror]]

RIGHT = [[-1.0, True], [-2.0, False]]
WRONG = [[-3.0, False], [-1.0, True]]
SURE = 1 / (1 + exp(-1)), 1 / (1 + exp(-2))


def details(benchmark: Benchmark, mirror: Mirror, answers: list[Any]) -> dict[str, Any]:
    exam = BenchmarkExam(benchmark, mirror, None)
    exam.requests(Path())
    found = exam.mark(answers).details
    assert found.pop("required_items") == benchmark.items
    return found


# --- choices


def test_choices_of_all_tasks_are_one_sample(make_benchmark: Make) -> None:
    """The error of two tasks is not the mean of their errors: gaps of one bin cancel."""
    benchmark, mirror = make_benchmark({"a": 1, "b": 1})
    wrong = [[-2.0, False], [-1.0, True]]
    found = details(benchmark, mirror, [*RIGHT, *wrong])
    assert found == {"calibration_error": pytest.approx(abs(2 * SURE[0] - 1) / 2)}
    assert found["calibration_error"] == calibration_error([SURE[0]] * 2, [1, 0])


def test_confidence_and_correctness(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 2})
    (task,) = bind(benchmark, mirror, None)
    found = [document.choice for document in task.score([*RIGHT, *WRONG])]
    assert found == [(pytest.approx(SURE[0]), 1.0), (pytest.approx(SURE[1]), 0.0)]


@pytest.mark.parametrize(
    ("metric", "lengths"), [("acc", (1, 1)), ("acc_norm", (2, 3)), ("acc_bytes", (4, 3))]
)
def test_choices_are_ranked_as_the_metric_ranks_them(
    make_benchmark: Make, metric: str, lengths: tuple[int, int]
) -> None:
    """Log-likelihoods are of the continuation, with its space; lengths are of the bare choice."""
    benchmark, mirror = make_benchmark(
        {"a": 1}, doc_to_choice=["да", "yes"], metric_list=[{"metric": metric}]
    )
    (task,) = bind(attrs.evolve(benchmark, metric=metric), mirror, None)
    (document,) = task.score([[-6.0, False], [-6.3, False]])
    mean = sum(lengths) / 2
    ranks = [-6.0 * mean / lengths[0], -6.3 * mean / lengths[1]]
    assert document.choice is not None
    assert document.choice.confidence == pytest.approx(exp(max(ranks)) / sum(map(exp, ranks)))
    assert document.choice.correct == document.metrics[metric] == float(ranks[0] > ranks[1])


def test_log_likelihoods_without_the_question_do_not_count(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark(
        {"a": 1}, metric_list=[{"metric": "acc"}, {"metric": "acc_mutual_info"}]
    )
    (task,) = bind(benchmark, mirror, None)
    assert len(task.requests()) == 4
    (document,) = task.score([*RIGHT, [-1.0, False], [-0.1, False]])
    assert document.choice == (pytest.approx(SURE[0]), 1.0)


def test_a_metric_that_takes_no_choice(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 1}, metric_list=[{"metric": "exact_match"}])
    assert details(attrs.evolve(benchmark, metric="exact_match"), mirror, RIGHT) == {}


def test_questions_with_several_right_answers(make_benchmark: Make) -> None:
    benchmark, mirror = make_benchmark({"a": 1}, doc_to_target="{{[0, 1]}}")
    assert details(benchmark, mirror, RIGHT) == {}


def test_truthfulqa_has_no_choice_to_be_sure_of(benchmarks: dict[str, Benchmark]) -> None:
    exam = BenchmarkExam(benchmarks["mini_truthfulqa"], Mirror(), 3)
    answers = [[-1.0, True]] * len(exam.requests(Path()))
    assert exam.mark(answers).details == {"required_items": 100}


# --- texts


def test_texts_of_a_benchmark(benchmarks: dict[str, Benchmark], tiny_model: Path) -> None:
    from forget.inference.loading import load_tokenizer

    exam = BenchmarkExam(benchmarks["mini_ifeval"], Mirror(), 3)
    exam.requests(tiny_model)
    texts = ["one two one two", "", "three"]
    tokenizer = load_tokenizer(tiny_model)
    tokens = sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in texts)
    assert exam.mark(texts, tiny_model).details == {
        "required_items": 100,
        "response_tokens": tokens / 3,
        "distinct_2": 2 / 3,
    }


def test_without_a_tokenizer_lengths_are_not_known(benchmarks: dict[str, Benchmark]) -> None:
    exam = BenchmarkExam(benchmarks["mini_ifeval"], Mirror(), 2)
    exam.requests(Path())
    found = exam.mark(["one two", "three four"]).details
    assert found == {"required_items": 100, "distinct_2": 1.0}


def test_texts_without_two_words() -> None:
    assert text_details(["yes", "no"], [1, 2]) == {"response_tokens": 1.5}
