from __future__ import annotations

from itertools import pairwise

import pytest

from forget.errors import SettingsError
from forget.training.trajectories.asking import choose_questions, plan_asks, worked_prompt
from training.trajectories.conftest import Graded, NoData, settings

EXAMPLES = list(Graded().load("train", NoData()))


def test_questions_without_an_answer_are_left_out_and_counted() -> None:
    chosen, left_out = choose_questions(
        Graded(unanswered=(3, 5)).load("train", NoData()), settings()
    )
    assert left_out == 2
    assert [e.id for e in chosen] == [f"train-{n}" for n in range(12) if n not in (3, 5)]


def test_a_smaller_choice_is_part_of_a_larger_one() -> None:
    chosen = [
        {e.id for e in choose_questions(EXAMPLES, settings(max_questions=count))[0]}
        for count in (1, 4, 7, 12, 100)
    ]
    assert [len(ids) for ids in chosen] == [1, 4, 7, 12, 12]
    for smaller, larger in pairwise(chosen):
        assert smaller <= larger


def test_choice_follows_the_sampling_seed() -> None:
    found = {
        tuple(
            e.id
            for e in choose_questions(EXAMPLES, settings(max_questions=4, sampling_seed=seed))[0]
        )
        for seed in range(20)
    }
    assert len(found) > 10


def test_greedy_decoding_is_asked_once() -> None:
    assert settings(temperature=0, samples=1).samples == 1
    with pytest.raises(SettingsError, match=r"all samples=2 .* are the same\. Add --set samples=1"):
        settings(temperature=0, samples=2)


def test_every_question_comes_once_before_any_comes_twice() -> None:
    asks = plan_asks(Graded(), EXAMPLES, EXAMPLES, settings(samples=3))
    order = [(ask.sample, ask.example.id) for ask in asks]
    assert order == [(s, e.id) for s in range(3) for e in EXAMPLES]
    assert len({ask.key for ask in asks}) == 36
    assert len({ask.prompt.seed for ask in asks}) == 36
    assert all(0 <= ask.prompt.seed < 2**31 for ask in asks)


def test_more_samples_ask_the_same_and_more() -> None:
    few = plan_asks(Graded(), EXAMPLES, EXAMPLES, settings(samples=2))
    many = plan_asks(Graded(), EXAMPLES, EXAMPLES, settings(samples=5))
    assert few == many[: len(few)]


def test_another_sampling_seed_asks_anew() -> None:
    keys = [
        {a.key for a in plan_asks(Graded(), EXAMPLES, EXAMPLES, settings(sampling_seed=seed))}
        for seed in (0, 1)
    ]
    assert not keys[0] & keys[1]


def test_worked_examples_stand_before_the_question() -> None:
    question, *shots = EXAMPLES[:3]
    assert worked_prompt(Graded(), question, shots) == [
        {"role": "system", "content": "Add."},
        {"role": "user", "content": "What is 1 + 1?"},
        {"role": "assistant", "content": "1 plus 1 is 2"},
        {"role": "user", "content": "What is 2 + 2?"},
        {"role": "assistant", "content": "2 plus 2 is 4"},
        {"role": "user", "content": "What is 0 + 0?"},
    ]


@pytest.mark.parametrize("shots", [0, 1, 4, 11])
def test_no_question_is_its_own_worked_example(shots: int) -> None:
    for ask in plan_asks(Graded(), EXAMPLES, EXAMPLES, settings(shots=shots, samples=1)):
        *before, question = ask.prompt.messages
        shown = [m["content"] for m in before if m["role"] == "user"]
        assert len(shown) == shots
        assert question["content"] not in shown
        assert question["content"] == ask.example.question


def test_shots_are_as_many_as_there_are() -> None:
    asks = plan_asks(Graded(), EXAMPLES, EXAMPLES, settings(shots=50))
    assert all(len(ask.prompt.messages) == 2 + 2 * 11 for ask in asks)
