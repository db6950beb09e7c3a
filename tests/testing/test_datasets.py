"""The conformance of datasets finds each fault of one that is sound in every other way."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Sequence
from itertools import count
from types import ModuleType
from typing import Any

import attrs
import pytest

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Example, Source, Verdict
from forget.errors import DataError
from forget.testing import DatasetConformance, NoData, Rows
from forget.testing.datasets import load_splits
from testing.trying import broken, call, finds
from testing.unstable import Hashed, Sums

TESTS = sorted(name for name in dir(DatasetConformance) if name.startswith("test_"))
NUMBERS = count()


def try_it(dataset: Dataset, name: str, kit: DatasetConformance | None = None) -> None:
    """Call a test of the conformance on a dataset that is made by code."""
    kit = kit or DatasetConformance()

    def splits() -> dict[str, list[Example]]:
        return load_splits(dataset, NoData())

    given: dict[str, Callable[[], Any]] = {
        "subject": lambda: dataset,
        "access": NoData,
        "splits": splits,
        "tried": lambda: [example for examples in splits().values() for example in examples],
        "text": lambda: "####",
    }
    call(getattr(kit, name), given)


def changed(**changes: Any) -> Callable[..., Sequence[Example]]:
    """Return a `load` whose examples have other fields."""

    def load(self: Any, split: str, data: DataAccess) -> Sequence[Example]:
        return [attrs.evolve(e, **changes) for e in Sums.load(self, split, data)]

    return load


def judged(**changes: Any) -> Callable[..., Verdict]:
    """Return a `verify` whose verdicts have other fields."""

    def verify(self: Any, example: Example, completion: Completion) -> Verdict:
        return attrs.evolve(Sums.verify(self, example, completion), **changes)

    return verify


def asked(*messages: Message) -> dict[str, Any]:
    return {"prompt": lambda self, example: list(messages)}


def leak(self: Any, example: Example) -> list[Message]:
    return [{"role": "user", "content": f"{example.question} {example.answer}"}]


def ask_for_repetition(self: Any, example: Example) -> list[Message]:
    """Show the answer that the question has, so that it does not come from the example's."""
    n = int(example.question.split()[2])
    return [{"role": "user", "content": f"{example.question} Say {2 * n}"}]


def crash(self: Any, example: Example, completion: Completion) -> Verdict:
    int(completion.text.split()[-1])
    return Sums.verify(self, example, completion)


def waver(self: Any, example: Example, completion: Completion) -> Verdict:
    verdict = Sums.verify(self, example, completion)
    return attrs.evolve(verdict, reason=f"the {next(NUMBERS)}th")


def shuffled(self: Any, split: str, data: DataAccess) -> Sequence[Example]:
    examples = list(Sums.load(self, split, data))
    random.shuffle(examples)
    return examples if next(NUMBERS) % 2 else examples[1:]


def one_split(self: Any, split: str, data: DataAccess) -> Sequence[Example]:
    return [attrs.evolve(e, id=f"{split}-{e.id}") for e in Sums.load(self, "train", data)]


NO_TEST = {
    "load": lambda self, split, data: Sums.load(self, split, data) if split[1] == "r" else []
}
CHAT = "test_prompts_are_chats_that_end_with_a_question"
ODD = "test_odd_texts_get_a_verdict"
SAYS = "test_it_says_what_it_is"
EXAMPLES = "test_both_splits_have_examples"
USER: Message = {"role": "user", "content": "?"}
REPLY: Message = {"role": "assistant", "content": "!"}
FAULTS: list[tuple[str, dict[str, Any], str]] = [
    (SAYS, {"name": "two words"}, "the name 'two words' cannot be typed"),
    (SAYS, {"title": ""}, "title is empty"),
    (SAYS, {"summary": "a\nb"}, "summary is more than one line"),
    (SAYS, {"summary": None}, "summary is no text"),
    (SAYS, {"max_new_tokens": 0}, "max_new_tokens is 0"),
    (SAYS, {"max_new_tokens": 1.5}, "no whole number: 1.5"),
    (EXAMPLES, NO_TEST, "the split 'test' has no examples"),
    (EXAMPLES, {"load": lambda self, split, data: [{}]}, "train holds no Example"),
    (EXAMPLES, {"load": changed(answer=4)}, "'0': answer is 4"),
    (EXAMPLES, {"load": changed(question=" ")}, "'0' has no question"),
    (EXAMPLES, {"load": changed(solution="")}, "'0' has no solution"),
    ("test_ids_are_unique", {"load": changed(id="a")}, "two examples have the id 'a'"),
    ("test_ids_are_unique", {"load": changed(id="")}, "an example of train has no id"),
    (
        "test_no_example_is_in_both_splits",
        {"load": one_split},
        "'test-0' of test is asked in train",
    ),
    ("test_it_loads_the_same_again", {"load": shuffled}, "a second time"),
    (CHAT, asked({"role": "user", "text": "?"}), "has the message"),  # type: ignore[typeddict-item]
    (CHAT, asked({"role": "user", "content": None}), "has the content None"),  # type: ignore[typeddict-item]
    (CHAT, asked({"role": "user", "content": ""}), "an empty message"),
    (CHAT, asked(USER, REPLY), "the turns user, assistant;"),
    (CHAT, asked(USER, USER, USER), "the turns user, user, user;"),
    (CHAT, asked(), "the prompt of '0' has the turns"),
    (
        CHAT,
        {"prompt": lambda self, e: [{"role": "user", "content": f"{next(NUMBERS)}?"}]},
        "another the second time",
    ),
    ("test_a_prompt_does_not_know_the_answer", {"prompt": leak}, "shows the model what it is to"),
    ("test_different_questions_have_different_prompts", asked(USER), "'1' does not ask its"),
    (
        "test_solutions_are_accepted",
        {"verify": judged(correct=False)},
        "refuses the solution of '0'",
    ),
    ("test_nothing_is_no_answer", {"verify": judged(correct=True)}, "accepts the empty completion"),
    ("test_other_solutions_are_refused", {"verify": judged(correct=True)}, "solutions of 5 other"),
    (
        "test_who_repeats_the_question_is_not_right",
        {"prompt": ask_for_repetition},
        "accepts the question itself for all of 12 examples",
    ),
    (ODD, {"verify": crash}, r"verify raised ValueError .* on '####'"),
    (ODD, {"verify": lambda *_: True}, "True, which is no Verdict"),
    (ODD, {"verify": judged(correct=1)}, "correct is 1, no bool"),
    (ODD, {"verify": judged(extracted=4)}, "extracted is 4"),
    (ODD, {"verify": judged(reason="")}, "no reason"),
    (ODD, {"verify": judged(truncated=False)}, "truncated is False"),
    ("test_the_same_completion_has_the_same_verdict", {"verify": waver}, "'0' two verdicts"),
]


@pytest.mark.slow
@pytest.mark.parametrize("name", TESTS)
def test_a_sound_dataset_passes(name: str) -> None:
    try_it(Sums(), name)


@pytest.mark.parametrize(("name", "changes", "message"), FAULTS)
def test_a_fault_is_found(name: str, changes: dict[str, Any], message: str) -> None:
    with finds(message):
        try_it(broken(Sums, **changes), name)


def test_a_class_in_place_of_its_object_is_found() -> None:
    with finds(r"is a class; a hook yields an object of it: Sums\(\)"):
        try_it(Sums, SAYS)  # type: ignore[arg-type]


def test_something_else_is_found() -> None:
    record = type("Halved", (), {"name": "halved", "title": "Halved", "summary": "Half"})()
    with finds("Halved lacks members of Dataset"):
        try_it(record, SAYS)


def test_every_test_of_the_kit_has_its_fault() -> None:
    elsewhere = {"test_another_process_loads_the_same"}
    assert {name for name, *_ in FAULTS} | elsewhere == set(TESTS)


def test_examples_that_were_published_twice_are_tolerated_by_name() -> None:
    twice, name = broken(Sums, load=one_split), "test_no_example_is_in_both_splits"
    known = tuple(f"test-{n}" for n in range(8))
    try_it(twice, name, broken(DatasetConformance, in_both=known))
    with finds("'test-7' of test is asked in train too"):
        try_it(twice, name, broken(DatasetConformance, in_both=known[:-1]))


# --- another process


@pytest.mark.slow
def test_ids_that_depend_on_hashes_are_found() -> None:
    with finds("train is another in another process"):
        try_it(Hashed(), "test_another_process_loads_the_same")


def test_what_no_other_process_can_have_is_skipped() -> None:
    with pytest.raises(pytest.skip.Exception, match="cannot be taken to another process"):
        try_it(broken(Sums), "test_another_process_loads_the_same")


@pytest.mark.slow
def test_what_no_other_process_can_import_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere: Any = ModuleType("nowhere")
    nowhere.Lost = type("Lost", (Sums,), {"__module__": "nowhere"})
    monkeypatch.setitem(sys.modules, "nowhere", nowhere)
    with pytest.raises(pytest.skip.Exception, match="cannot be imported in another process"):
        try_it(nowhere.Lost(), "test_another_process_loads_the_same")


# --- without answers, and without rows


@pytest.mark.parametrize(
    "name", ["test_solutions_are_accepted", "test_other_solutions_are_refused"]
)
def test_a_dataset_without_answers_has_nothing_to_verify(name: str) -> None:
    with pytest.raises(pytest.skip.Exception, match="none of its examples has an answer"):
        try_it(broken(Sums, load=changed(answer="")), name)


SOURCE = Source(hub="someone/something", mirror="something")


def test_a_dataset_that_reads_rows_is_told_where_to_get_some() -> None:
    with finds(r"reads rows of 'something', and there are none here: give it some"):
        NoData().rows(SOURCE, "train")


def test_rows_are_those_that_were_given() -> None:
    rows = Rows(train=[{"a": 1}])
    assert rows.rows(SOURCE, "train") == [{"a": 1}]
    with pytest.raises(DataError, match="no rows of something's split 'test' here, only of train"):
        rows.rows(SOURCE, "test")
