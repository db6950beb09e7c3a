"""The instructions of mini_ifeval, graded by lm-eval's own checks of IFEval beside the suite's."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import pytest

from forget.evaluation.harness import BoundTask, bind
from forget.mirror import Mirror
from forget_benchmarks import mini

Arguments = Mapping[str, Any]
Grade = Callable[[Any, str], bool]


class Answers(NamedTuple):
    """Responses to one instruction, written by hand from its arguments."""

    compliant: Callable[[Arguments], list[str]]
    other: Callable[[Arguments], list[str]]


def many(count: int, text: str = "word") -> str:
    return " ".join([text] * count) + "."


def length(given: Arguments, *, right: bool) -> list[str]:
    enough, few = many(given["num_words"]), many(given["num_words"] - 1)
    return [enough] if (given["relation"] == "at least") == right else [few]


WITH_EVERY_LETTER = "Pack my box with five dozen jars, quickly."

ANSWERS = {
    "keywords:existence": Answers(
        lambda given: [f"All {given['keywords'][0].upper()}, every day.", given["keywords"][0]],
        lambda _: ["A dog ran by."],
    ),
    "keywords:frequency": Answers(
        lambda given: [f"A {given['keyword']}! What a {given['keyword'].title()}!"],
        lambda given: [f"Just one {given['keyword']}.", "Not one."],
    ),
    "keywords:forbidden_words": Answers(
        lambda given: [f"Not{given['forbidden_words'][0]}but.", "A dog ran by."],
        lambda given: [f"So {given['forbidden_words'][0].upper()}, then."],
    ),
    "keywords:letter_frequency": Answers(
        lambda _: ["The sun rose, and all went out."],
        lambda given: [WITH_EVERY_LETTER.lower(), given["letter"].upper()],
    ),
    "punctuation:no_comma": Answers(
        lambda _: ["The sun rose; all went out."], lambda _: ["Slowly, the sun rose."]
    ),
    "length_constraints:number_words": Answers(
        lambda given: length(given, right=True), lambda given: length(given, right=False)
    ),
    "detectable_format:number_bullet_lists": Answers(
        lambda given: ["\n" + "\n".join(["* A point."] * given["num_bullets"])],
        lambda given: ["\n".join(["- A point."] * (given["num_bullets"] + 1)), "1. A point."],
    ),
    "detectable_format:number_highlighted_sections": Answers(
        lambda _: ["It was *a fine day*.", "It was **a fine day**."],
        lambda _: ["It was a fine day.", "* A fine day", "** A *\n*"],
    ),
    "detectable_format:constrained_response": Answers(
        lambda _: [" My answer is no.", "Well. My answer is maybe. Why?"],
        lambda _: ["No.", "My answer is perhaps.", "my answer is yes."],
    ),
}

EMPTY = ("", " ", "\n\n")


@pytest.fixture(scope="module")
def task() -> BoundTask:
    (ifeval,) = (each for each in mini.forget_benchmarks() if each.name == "mini_ifeval")
    (bound,) = bind(ifeval, Mirror(), None)
    return bound


@pytest.fixture(scope="module", params=["mini", "lm-eval"])
def grade(request: pytest.FixtureRequest, task: BoundTask) -> Grade:
    """Grade a response to a document: as the suite does, and as lm-eval's IFEval does."""
    if request.param == "mini":
        return lambda doc, text: task.task.process_results(doc, [text])["prompt_level_strict_acc"]
    return lm_evals_grade()


def lm_evals_grade() -> Grade:
    """Import lm-eval's checks; those of our instructions do without the data they ask NLTK for."""
    import nltk

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nltk, "download", lambda *_, **__: False)
        from lm_eval.tasks.ifeval.utils import process_results

    return lambda doc, text: bool(process_results(doc, [text])["prompt_level_strict_acc"])


def arguments(doc: Any) -> Arguments:
    return {name: value for name, value in doc["kwargs"][0].items() if value is not None}


def docs(task: BoundTask) -> list[Any]:
    return [instance.doc for instance in task.task.instances]


def test_each_instruction_is_asked_equally_often_and_never_twice_about_a_topic(
    task: BoundTask,
) -> None:
    kinds = Counter(
        (doc["instruction_id_list"][0], arguments(doc).get("relation")) for doc in docs(task)
    )
    assert set(kinds.values()) == {10}
    assert len({doc["prompt"] for doc in docs(task)}) == 100


def test_answers_that_follow_the_instruction_pass(task: BoundTask, grade: Grade) -> None:
    for doc in docs(task):
        for text in ANSWERS[doc["instruction_id_list"][0]].compliant(arguments(doc)):
            assert grade(doc, text) is True, (doc["prompt"], text)


def test_answers_that_do_not_follow_it_fail(task: BoundTask, grade: Grade) -> None:
    for doc in docs(task):
        for text in ANSWERS[doc["instruction_id_list"][0]].other(arguments(doc)):
            assert grade(doc, text) is False, (doc["prompt"], text)


def test_saying_nothing_follows_no_instruction(task: BoundTask, grade: Grade) -> None:
    assert not any(grade(doc, text) for doc in docs(task) for text in EMPTY)


def test_the_suite_and_lm_eval_agree_on_answers_to_other_instructions(task: BoundTask) -> None:
    theirs = lm_evals_grade()
    found = docs(task)
    texts = {
        text
        for doc in found
        for made in ANSWERS[doc["instruction_id_list"][0]]
        for text in made(arguments(doc))
    }
    for doc, text in itertools.product(found, sorted(texts)):
        ours = task.task.process_results(doc, [text])["prompt_level_strict_acc"]
        assert ours is theirs(doc, text), (doc["prompt"], text)
