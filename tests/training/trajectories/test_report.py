from __future__ import annotations

import pytest

from forget.training.trajectories.keeping import Judged
from forget.training.trajectories.report import counts, in_words
from training.trajectories.conftest import Graded, NoData, says

QUESTIONS = list(Graded(4).load("train", NoData()))


def judged_by_question() -> dict[str, list[Judged]]:
    """Questions 0 to 3: two right, one right, one cut and one wrong, none with an answer."""
    said = {
        0: [says("0", tokens=10), says("so 0", tokens=20)],
        1: [says("2", tokens=30), says("3", tokens=40)],
        2: [says("4 is", finished=False, tokens=50), says("5", tokens=60)],
        3: [says("", tokens=70), says("", tokens=80)],
    }
    return {
        example.id: [Judged(s, c, Graded().verify(example, c)) for s, c in enumerate(said[n])]
        for n, example in enumerate(QUESTIONS)
    }


def test_counts_in_all_and_by_difficulty() -> None:
    found = counts(QUESTIONS, judged_by_question(), {"train-0": 2, "train-1": 1})
    expected = {
        "questions": 4,
        "completions": 8,
        "correct": 3,
        "truncated": 1,
        "solved_questions": 2,
        "kept_questions": 2,
        "kept_completions": 3,
        "pass_rate": 3 / 8,
        "truncation_rate": 1 / 8,
        "kept_fraction": 1 / 2,
        "wrong": {"cut": 1, "no answer": 2, "another answer": 2},
    }
    assert {name: found[name] for name in expected} == expected
    assert found["by_level"]["1 steps"]["pass_rate"] == 2 / 4
    assert found["by_level"]["2 steps"] == {
        "questions": 2,
        "completions": 4,
        "correct": 1,
        "truncated": 0,
        "solved_questions": 1,
        "kept_questions": 1,
        "pass_rate": 1 / 4,
        "truncation_rate": 0.0,
        "kept_fraction": 1 / 2,
    }


def test_length_distribution() -> None:
    tokens = counts(QUESTIONS, judged_by_question(), {})["tokens"]
    assert tokens == pytest.approx({"mean": 45, "min": 10, "median": 45, "p95": 76.5, "max": 80})
    one = {"train-0": [judged_by_question()["train-0"][0]]}
    assert counts(QUESTIONS[:1], one, {})["tokens"] == dict.fromkeys(tokens, 10)


def test_levels_are_in_the_order_of_their_numbers() -> None:
    import attrs

    questions = [attrs.evolve(e, level=f"{n} steps") for e, n in zip(QUESTIONS, (10, 9, 2, 11),
                                                                     strict=True)]  # fmt: skip
    found = counts(questions, judged_by_question(), {})
    assert list(found["by_level"]) == ["2 steps", "9 steps", "10 steps", "11 steps"]


def test_in_words() -> None:
    more = {"too_long_questions": 0, "refused": {}}
    found = {**counts(QUESTIONS, judged_by_question(), {"train-0": 1}), **more}
    first, second = in_words(found)
    assert first.startswith("kept 1 of 4 questions (25.0 %); of 8 completions 37.5 % are correct")
    assert "12.5 % were cut" in first
    assert second == "correct by difficulty: 1 steps 50.0 %, 2 steps 25.0 %"
    assert in_words({**found, "too_long_questions": 2})[1].startswith("2 questions have only")
    refused = in_words({**found, "refused": {"too long": 3}})[1]
    assert refused == "prompts that can have no completion: too long (3)"
