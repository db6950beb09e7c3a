"""What a round teaches, from completions made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from forget.completion import Completion, Message
from forget.dataset import Example, Verdict
from forget.errors import DataError, SettingsError, WorkError
from forget.settings import build
from forget.training.examples import Conversation
from forget.training.rollouts.demonstration import check_demonstration, inform
from forget.training.rollouts.policy import Rollout
from forget.training.rollouts.privileged import advantages
from forget.training.rollouts.rounds import Round
from forget_methods.pi import Pi, PiSettings
from forget_methods.pi.lesson import improve, learn_from_the_informed
from forget_methods.spin import Spin, SpinSettings
from forget_methods.spin.lesson import follow, imitate
from training.rollouts.conftest import Make
from training.trajectories.conftest import Graded

TOLD = "{question} It is {solution}"

Written = tuple[str, bool, bool]
"""A completion's text, whether it is right, and whether the model ended it."""


def a_round(task: Any, *groups: Sequence[Written], index: int = 0) -> Round:
    dataset = Graded()
    examples = dataset.load("train", task.data)
    rollouts = []
    for example, group in zip(examples, groups, strict=False):
        question = Conversation(
            example.id, dataset.prompt(example), example.solution, example=example
        )
        rollouts.append([_rollout(question, n, *written) for n, written in enumerate(group)])
    return Round(task=task, index=index, start=None, rollouts=rollouts)


def _rollout(
    question: Conversation, sample: int, text: str, right: bool, finished: bool
) -> Rollout:
    verdict = Verdict(correct=right, extracted=None, reason="", truncated=not finished)
    completion = Completion(text=text, finished=finished, tokens=len(text))
    return Rollout(question, sample, completion, verdict, float(right and finished))


RIGHT, WRONG, CUT = ("1 and 2", True, True), ("3", False, True), ("4 and so on", False, False)


def test_self_sft_imitates_right_answers_alone(prepared: Make) -> None:
    task = prepared(Spin(), variant="self-sft", lr=3e-3, lr_factors=(1.0,), optimizer="adamw")
    lesson = imitate(a_round(task, [RIGHT, WRONG, RIGHT, CUT], [WRONG, WRONG], [CUT], [RIGHT]))
    assert lesson.rows == 3
    assert lesson.found["skipped"] == {"all wrong": 1, "cut": 1}
    assert (lesson.lr, lesson.optimizer) == (3e-3, "adamw")


def test_sdft_learns_from_whatever_was_written(prepared: Make) -> None:
    task = prepared(Spin(), variant="sdft", demonstration=TOLD)
    lesson = follow(a_round(task, [RIGHT, WRONG], [CUT, ("", False, False)]))
    assert lesson.rows == 3
    assert lesson.found["left_out"] == {"empty": 1}


def test_the_informed_learn_from_what_they_ended(prepared: Make) -> None:
    task = prepared(Pi(), operator="privileged", demonstration=TOLD, max_length=60)
    long = ("word " * 60, True, True)
    lesson = learn_from_the_informed(a_round(task, [RIGHT, WRONG, CUT, long]))
    assert lesson.rows == 2
    assert lesson.found["left_out"] == {"cut": 1, "too long": 1}
    with pytest.raises(WorkError, match=r"in round 3 can be learned from: cut \(2\)\. Raise"):
        learn_from_the_informed(a_round(task, [CUT, CUT], index=2))


@pytest.mark.parametrize(("divergence", "rows"), [("forward", 2), ("jsd", 4)])
def test_what_has_no_weight_counts_where_the_student_may_write_it(
    prepared: Make, divergence: str, rows: int
) -> None:
    task = prepared(Pi(), operator="filter", divergence=divergence)
    assert improve(a_round(task, [RIGHT, WRONG, RIGHT, WRONG])).rows == rows


def test_a_reverse_divergence_that_is_infinite(prepared: Make) -> None:
    task = prepared(Pi(), divergence="reverse", beta=1e-3)
    with pytest.raises(WorkError, match=r"infinite in round 1: with beta=0\.001 some completions"):
        improve(a_round(task, [RIGHT, WRONG]))
    assert improve(a_round(prepared(Pi(), "mild", divergence="reverse"), [RIGHT, WRONG])).rows == 2


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"operator": "filter", "divergence": "reverse"}, "divergence=reverse is infinite"),
        ({"operator": "bon", "divergence": "reverse"}, "divergence=reverse is infinite"),
        ({"beta": 0, "divergence": "reverse"}, "divergence=reverse is infinite"),
        ({"operator": "privileged", "beta": "inf"}, "must be a finite number"),
        ({"operator": "privileged", "kl_budget": 0.1}, "kl_budget chooses beta"),
        ({"demonstration": "{question}"}, "has no place for {solution}"),
    ],
)
def test_settings_of_pi_that_contradict_each_other(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as failure:
        build(PiSettings, changes, where="method pi")
    assert message in str(failure.value)


def test_a_variant_brings_settings_that_can_be_changed() -> None:
    study = {"lr": 2e-6, "rounds": 5}
    plain = build(SpinSettings, study, where="method spin")
    assert (plain.lr, plain.rounds, plain.optimizer) == (2e-6, 5, "rmsprop")
    chosen = build(
        SpinSettings, study, {"variant": "self-sft", "batch_size": "4"}, where="method spin"
    )
    assert (chosen.lr, chosen.rounds, chosen.optimizer) == (1e-5, 1, "adamw")
    assert (chosen.batch_size, chosen.num_generations) == (4, 4)


def test_a_solution_is_told_once_whatever_it_says() -> None:
    system: Message = {"role": "system", "content": "S"}
    user: Message = {"role": "user", "content": "{solution}?"}
    question = Conversation("a", [system, user], "{question}")
    assert inform("Q {question} A {solution}")(question) == [
        system,
        {"role": "user", "content": "Q {solution}? A {question}"},
    ]


def test_a_demonstration_without_places() -> None:
    check_demonstration("{question}{solution}")
    with pytest.raises(SettingsError, match=r"no place for \{question\} and \{solution\}"):
        check_demonstration("nothing")


def test_advantages_are_distances_to_the_mean() -> None:
    assert advantages([1, 0, 0, 0]) == [0.75, -0.25, -0.25, -0.25]
    assert advantages([1.0, 1.0]) == [0.0, 0.0]


@pytest.mark.parametrize(
    ("method", "changes"),
    [(Spin(), {"variant": "sdft"}), (Pi(), {"operator": "privileged"})],
    ids=["sdft", "privileged"],
)
def test_no_solution_to_tell(prepared: Make, method: Any, changes: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="none can be told in a prompt of max_prompt_length=9"):
        prepared(method, **changes, max_prompt_length=9)


class Unsolved(Graded):
    """Its examples have an answer and no solution."""

    def load(self, split: str, data: Any) -> list[Example]:
        return [
            Example(id=e.id, question=e.question, solution="", answer=e.answer, level=e.level)
            for e in super().load(split, data)
        ]


def test_a_dataset_without_solutions(prepared: Make) -> None:
    with pytest.raises(DataError, match=r"Of 12 questions .* 0 have a solution"):
        prepared(Spin(), dataset=Unsolved(), variant="sdft", demonstration=TOLD)
