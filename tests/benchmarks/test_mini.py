"""The suite `mini`: what its items must be like, and what a small real model scores on them."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from forget.benchmark import Benchmark
from forget.evaluation.harness import BoundTask, bind
from forget.mirror import Mirror
from forget_benchmarks import core10, mini
from forget_benchmarks.mini import (
    arc_challenge,
    arc_easy,
    boolq,
    hellaswag,
    ifeval,
    mmlu,
    openbookqa,
    piqa,
    truthfulqa,
    winogrande,
)
from forget_benchmarks.mini.build import Question, place_answers, seeded, take_distinct

ROOT = Path(__file__).parents[2]
BENCHMARKS = {benchmark.name: benchmark for benchmark in mini.forget_benchmarks()}
SCORED = [name for name, each in BENCHMARKS.items() if each.kind == "loglikelihood"]
QUESTIONS = [
    name for name in SCORED if name not in ("mini_winogrande", "mini_boolq", "mini_truthfulqa")
]

SAMPLE = 24
"""Items of each benchmark that the real model is asked here."""

UNTIDY = re.compile(r"\S  |\b[Aa] [aeio]|\b[Aa]n [^aeiou]")
"""Two spaces; an article that does not go with its noun."""

GENERATORS: Mapping[str, Callable[[], list[Any]]] = {
    "mini_arc_challenge": arc_challenge.items,
    "mini_arc_easy": arc_easy.items,
    "mini_hellaswag": hellaswag.items,
    "mini_winogrande": winogrande.items,
    "mini_piqa": piqa.items,
    "mini_boolq": boolq.items,
    "mini_openbookqa": openbookqa.items,
    "mini_truthfulqa": truthfulqa.items,
    "mini_mmlu": lambda: [doc for subject in mmlu.SUBJECTS for doc in mmlu.items(subject)],
    "mini_ifeval": ifeval.items,
}

# The items as they were published. One that changes makes scores incomparable with earlier ones:
# change a digest here only together with the scores in the suite's README.
DIGESTS = {
    "mini_arc_challenge": "07ff197ae75bbbe06a53f8c00475474ebe5b7adc434ccf2257c73dc3d5dc778d",
    "mini_arc_easy": "626b18c57ed8c89137750a725063e2fb72ba1d0c0256e9061109eed57be57c62",
    "mini_hellaswag": "53b1a9df677021c3b3284a8105368d6c1b31e98e02d51f01ceac87dff7a73e15",
    "mini_winogrande": "f963913083693b0f462edcf9649ef88c58b4e19fe8398589d97ae76480883479",
    "mini_piqa": "3d758127a57af1ea72a6cfe37a3deb73f6d272f0b2a87a3b1cd364170cac1a7b",
    "mini_boolq": "03d7f04d0dd7dcce440218780f83ea6d19a91f80e763f221deb576767f1e336f",
    "mini_openbookqa": "6d423046bea9e0a2a9666d8648ccc77d97caf0bd55ab848636ae2bf59422664d",
    "mini_truthfulqa": "d0d4d04e62baa6feecbbaf9a1f61ecde0030ae0d4ac62013bb3866286b5f9d9d",
    "mini_mmlu": "1c5b299f1cdd7cb2d3328fdb7bca7c49f84f113a2e2ea0a83793342517f30258",
    "mini_ifeval": "af7388dbf38352be5cb430c1271127e987dd7fc8f2b8ff3a45cef591bad8ad5f",
}

Document = tuple[Any, list[tuple[str, ...]]]
"""A task's document with the texts of its requests: context and continuation, or the prompt."""


def digests() -> dict[str, str]:
    return {
        name: hashlib.sha256(json.dumps(make(), sort_keys=True).encode()).hexdigest()
        for name, make in GENERATORS.items()
    }


@pytest.fixture(scope="module")
def tasks() -> dict[str, list[BoundTask]]:
    """Benchmark to its lm-eval tasks, as they are when a model is evaluated."""
    return {name: bind(benchmark, Mirror(), None) for name, benchmark in BENCHMARKS.items()}


def documents(task: BoundTask) -> list[Document]:
    found: dict[int, Document] = {}
    for instance in task.task.instances:
        texts = tuple(part for part in instance.args if isinstance(part, str))
        found.setdefault(instance.doc_id, (instance.doc, []))[1].append(texts)
    return list(found.values())


# --- the suite


def test_there_is_one_for_each_benchmark_of_core10() -> None:
    assert list(BENCHMARKS) == [
        f"mini_{each.name.removesuffix('_mc2')}" for each in core10.forget_benchmarks()
    ]


def test_each_is_scored_as_the_one_it_stands_for() -> None:
    def scoring(benchmark: Benchmark) -> tuple[str, str]:
        return benchmark.metric, benchmark.kind

    assert list(map(scoring, BENCHMARKS.values())) == list(map(scoring, core10.forget_benchmarks()))


@pytest.mark.parametrize("name", BENCHMARKS)
def test_it_has_the_items_it_must_have(tasks: Any, name: str) -> None:
    found = sum(len(documents(task)) for task in tasks[name])
    assert found == BENCHMARKS[name].items == len(GENERATORS[name]())
    assert found >= 100


@pytest.mark.parametrize("name", BENCHMARKS)
def test_chance_is_what_guessing_gives(tasks: Any, name: str) -> None:
    def guess(document: Document) -> float:
        doc, requests = document
        true = sum(doc["labels"]) if "labels" in doc else 1
        return true / len(requests) if BENCHMARKS[name].kind == "loglikelihood" else 0

    guesses = [guess(document) for task in tasks[name] for document in documents(task)]
    assert BENCHMARKS[name].chance == pytest.approx(sum(guesses) / len(guesses), abs=5e-5)


# --- what decides an item


@pytest.mark.parametrize("name", [name for name in SCORED if name != "mini_truthfulqa"])
def test_right_answers_are_spread_over_the_positions(tasks: Any, name: str) -> None:
    for task in tasks[name]:
        key = "label" if name == "mini_boolq" else "answer"
        places = Counter(doc[key] for doc, _ in documents(task))
        choices = len(documents(task)[0][1])
        assert set(places) == set(range(choices))
        assert max(places.values()) - min(places.values()) <= 1


def test_true_answers_are_spread_over_the_positions(tasks: Any) -> None:
    (task,) = tasks["mini_truthfulqa"]
    places = Counter(
        doc["labels"].index(1) for doc, choices in documents(task) if len(choices) == 3
    )
    assert set(places) == {0, 1, 2}
    assert max(places.values()) - min(places.values()) <= 3


@pytest.mark.parametrize("name", BENCHMARKS)
def test_no_item_is_asked_twice(tasks: Any, name: str) -> None:
    asked = Counter(
        (task.name, *sorted(requests)) for task in tasks[name] for _, requests in documents(task)
    )
    assert [each for each, times in asked.items() if times > 1] == []


@pytest.mark.parametrize("name", SCORED)
def test_the_choices_of_an_item_differ(tasks: Any, name: str) -> None:
    for task in tasks[name]:
        for _, requests in documents(task):
            assert len({text.strip().lower() for text in map("".join, requests)}) == len(requests)


@pytest.mark.parametrize("name", QUESTIONS)
def test_a_right_answer_to_a_question_is_never_among_its_wrong_ones(name: str) -> None:
    docs = GENERATORS[name]()
    right = {(doc["question"], doc["choices"][doc["answer"]]) for doc in docs}
    wrong = {
        (doc["question"], choice)
        for doc in docs
        for place, choice in enumerate(doc["choices"])
        if place != doc["answer"]
    }
    assert not right & wrong


def test_yes_and_no_are_equally_often_right() -> None:
    verdicts: dict[str, list[int]] = {}
    for doc in boolq.items():
        verdicts.setdefault(doc["question"], []).append(doc["label"])
    assert all(sorted(labels) == [0, 1] for labels in verdicts.values())


def test_twin_sentences_have_the_same_options_and_other_answers() -> None:
    twins: dict[tuple[str, ...], list[int]] = {}
    for doc in winogrande.items():
        twins.setdefault(tuple(doc["choices"]), []).append(doc["answer"])
    assert all(sorted(answers) == [0, 1] for answers in twins.values())


@pytest.mark.parametrize("name", BENCHMARKS)
def test_texts_are_tidy(tasks: Any, name: str) -> None:
    for task in tasks[name]:
        for _, requests in documents(task):
            for text in map("".join, requests):
                assert text == text.strip()
                assert not UNTIDY.search(text), text


# --- where items come from


def test_items_are_the_published_ones() -> None:
    assert digests() == DIGESTS


@pytest.mark.slow
def test_another_process_makes_the_same_items() -> None:
    script = f"import json, runpy; print(json.dumps(runpy.run_path({__file__!r})['digests']()))"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONHASHSEED": "4711"},
        check=True,
        capture_output=True,
        text=True,
    )
    assert json.loads(done.stdout) == digests()


def test_a_benchmarks_name_is_its_seed() -> None:
    def draw(name: str) -> list[float]:
        rng = seeded(name)
        return [rng.random() for _ in range(3)]

    assert draw("mini_piqa") == draw("mini_piqa") != draw("mini_boolq")


def test_too_few_distinct_questions_are_an_error() -> None:
    same = Question("Q?", "a", ("b", "c")), Question("Q?", "a", ("c", "b"))
    with pytest.raises(ValueError, match="only 1 distinct questions, 2 are needed"):
        take_distinct(same, 2)


def test_answers_are_placed_evenly() -> None:
    questions = [Question(f"{number}?", "right", ("x", "y")) for number in range(30)]
    docs = place_answers(questions, seeded("test"))
    assert Counter(doc["answer"] for doc in docs) == {0: 10, 1: 10, 2: 10}
    assert all(doc["choices"][doc["answer"]] == "right" for doc in docs)


# --- a real model


@pytest.mark.long
@pytest.mark.slow
def test_it_has_room_for_a_small_model(smollm2: Path, tmp_path: Path) -> None:
    """Some items of each benchmark, by the command that measures the whole suite.

    Its exit status tells whether eight benchmarks are two standard errors above chance, and eight
    below 0.95. The standard errors are those of the sample.
    """
    command = [ROOT / "benchmarks" / "mini_suite.py", "--limit", str(SAMPLE), "--json"]
    done = subprocess.run(
        [sys.executable, *map(str, command), "--model", str(smollm2), "--out", str(tmp_path)],
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(done.stdout)
    assert found["holds"] is True
    assert {line["benchmark"]: line["items"] for line in found["benchmarks"]} == dict.fromkeys(
        BENCHMARKS, SAMPLE
    )
    assert sum(line["can_fall"] for line in found["benchmarks"]) >= 8
    assert sum(line["can_rise"] for line in found["benchmarks"]) >= 8
