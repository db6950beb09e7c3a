from __future__ import annotations

import json
import time
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forget.completion import Completion
from forget.dataset import Dataset, Example, Source, Verdict
from forget.errors import DataError
from forget.mirror import Mirror
from forget_datasets import triviaqa
from forget_datasets.triviaqa import TRAIN_SIZE, TriviaQa
from forget_datasets.triviaqa.answers import normalise, pack_answers

ROW = {
    "question": "What is the capital of France?",
    "question_id": "tc_1",
    "answer": {"value": "Paris", "aliases": ["City of Light", "Paris", "paris.", "Paris, France"]},
}


class Rows:
    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self._rows = rows
        self.asked: list[str] = []

    def rows(self, source: Source, split: str) -> Iterable[Mapping[str, Any]]:
        self.asked.append(split)
        return self._rows


def verdict(text: str, *accepted: str, finished: bool = True) -> Verdict:
    example = Example(id="x", question="", solution="", answer=pack_answers(accepted))
    return TriviaQa().verify(example, Completion(text=text, finished=finished, tokens=1))


def numbered(count: int) -> list[dict[str, Any]]:
    return [ROW | {"question": f"Question {n}?"} for n in range(count)]


# --- the dataset


def test_is_a_dataset_and_is_yielded_by_the_hook() -> None:
    (found,) = triviaqa.forget_datasets()
    assert isinstance(found, Dataset)
    assert (found.name, found.max_new_tokens) == ("triviaqa", 256)


def test_a_row_becomes_an_example() -> None:
    (example,) = TriviaQa().load("train", Rows(ROW))
    assert example.question == ROW["question"]
    assert example.solution == "Answer: Paris"
    assert json.loads(example.answer) == ["Paris", "City of Light", "Paris, France"]
    assert example.id.startswith("train-")


def test_the_held_out_split_is_the_published_validation_split() -> None:
    rows = Rows(ROW)
    TriviaQa().load("test", rows)
    TriviaQa().load("train", rows)
    assert rows.asked == ["validation", "train"]
    with pytest.raises(DataError, match="no split 'validation'; it has train, test"):
        TriviaQa().load("validation", rows)


def test_the_prompt_is_one_user_message_that_asks_for_the_closing_line() -> None:
    (example,) = TriviaQa().load("train", Rows(ROW))
    (message,) = TriviaQa().prompt(example)
    assert message["role"] == "user"
    assert message["content"].startswith(example.question)
    assert "`Answer: <short answer>`" in message["content"]


@pytest.mark.slow
def test_the_draw_does_not_depend_on_the_order_and_keeps_it() -> None:
    rows = numbered(TRAIN_SIZE + 500)
    drawn = [example.id for example in TriviaQa().load("train", Rows(*rows))]
    back = [example.id for example in TriviaQa().load("train", Rows(*rows[::-1]))]
    assert len(drawn) == len({*drawn}) == TRAIN_SIZE
    assert back[::-1] == drawn
    places = [int(e.question[9:-1]) for e in TriviaQa().load("train", Rows(*rows))]
    assert places == sorted(places)
    assert max(places) > TRAIN_SIZE


def test_the_test_split_is_not_drawn_from() -> None:
    assert len(TriviaQa().load("test", Rows(*numbered(TRAIN_SIZE + 500)))) == TRAIN_SIZE + 500


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_question_that_comes_twice_is_used_once(split: str) -> None:
    again = ROW | {"answer": {"value": "Rome", "aliases": []}}
    (example,) = TriviaQa().load(split, Rows(ROW, again))
    assert example.solution == "Answer: Paris"


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"question": "?"},
        {"question": "?", "answer": "Paris"},
        {"question": "?", "answer": {"value": "Paris"}},
        {"question": "?", "answer": {"value": None, "aliases": ["Paris"]}},
        {"question": "?", "answer": {"value": "Paris", "aliases": [None]}},
        {"question": None, "answer": {"value": "Paris", "aliases": []}},
        {"question": "?", "answer": {"value": " ", "aliases": ["", " "]}},
    ],
)
def test_a_wrong_row_is_named(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="test-00001") as caught:
        TriviaQa().load("test", Rows(ROW, row))
    assert "\n" not in str(caught.value)


# --- normalisation


@pytest.mark.parametrize(
    ("text", "normal"),
    [
        ("U.S.A.", "u s"),
        ("Vitamin A", "vitamin"),
        ("A", ""),
        ("The", ""),
        ("The The", ""),
        ("@", ""),
        ("", ""),
        ("The  Beatles!", "beatles"),
        ("Rock_Lobster", "rock lobster"),
        ("AC/DC", "ac dc"),
        ("O’Brien", "o brien"),
        ("‘Hello’ ´x´ `y`", "hello x y"),
        ("“Heroes”", "“heroes”"),
        ("Beyoncé", "beyoncé"),
        ("an apple a day", "apple day"),
        ("Anna the Theatre", "anna theatre"),
        ("A-ha", "ha"),
        ("10,000", "10 000"),
        ("Ünder\tthe\nSea", "ünder sea"),
    ],
)
def test_the_official_normal_form(text: str, normal: str) -> None:
    assert normalise(text) == normal


# --- what is right

ACCEPTED = [
    ("Paris", "Answer: Paris"),
    ("Paris", "answer: paris"),
    ("Paris", "ANSWER: PARIS"),
    ("Paris", "Answer:Paris"),
    ("Paris", "Answer: Paris."),
    ("Paris", "Answer: the Paris"),
    ("Paris", "Answer: “Paris”".replace("“", '"').replace("”", '"')),
    ("Paris", "Answer: 'Paris'"),
    ("Paris", "Answer: `Paris`"),
    ("Paris", "**Answer:** Paris"),
    ("Paris", "**Answer: Paris**"),
    ("Paris", "Answer: **Paris**"),
    ("Paris", "- Answer: Paris"),
    ("Paris", "> Answer: Paris"),
    ("Paris", "### Answer: Paris"),
    ("Paris", "Answer: <Paris>"),
    ("Paris", "Answer: (Paris)"),
    ("Paris", "Answer:\nParis"),
    ("Paris", "Answer:\n\n**Paris**"),
    ("Paris", "Final answer: Paris"),
    ("Paris", "The answer is Paris."),
    ("Paris", "The final answer is: Paris"),
    ("Paris", "France's capital is on the Seine.\nAnswer: Paris"),
    ("Paris", "Answer: Paris\n\nIt lies on the Seine."),
    ("Paris", "Answer: Rome\nNo.\nAnswer: Paris"),
    ("Paris", "Answer: Paris\r\n"),
    ("Paris", "Paris"),
    ("Paris", "\n Paris.\n"),
    ("Paris", "**Paris**"),
    ("Paris", "<think>Rome?\nAnswer: Rome</think>\nAnswer: Paris"),
    ("Paris", "Rome?</think>Paris"),
    ("The Beatles", "Answer: Beatles"),
    ("Beatles", "Answer: The Beatles"),
    ("AC/DC", "Answer: AC-DC"),
    ("AC/DC", "Answer: AC DC"),
    ("J. R. R. Tolkien", "Answer: J.R.R. Tolkien"),
    ("O'Brien", "Answer: O’Brien"),
    ("U.S.A.", "Answer: U.S.A"),
    ("Vitamin A", "Answer: Vitamin A"),
    ("Rock Lobster", "Answer: rock_lobster"),
    ("Beyoncé", "Answer: BEYONCÉ"),
    ("“Heroes”", "Answer: “Heroes”"),
    ("10,000", "Answer: 10 000"),
    ("2:30", "Answer: 2:30"),
    ("A", "Answer: A"),
    ("A", "Answer: a"),
    ("A", "Answer: A."),
    ("A", "Answer: **A**"),
    ("A", "A"),
    ("The The", "Answer: the the"),
    ("@", "Answer: @"),
    ("(a", "Answer: (a"),
]

REJECTED = [
    ("Paris", ""),
    ("Paris", " \n"),
    ("Paris", "Answer:"),
    ("Paris", "Answer: "),
    ("Paris", "Answer: **"),
    ("Paris", "Answer: the"),
    ("Paris", "Answer: A"),
    ("Paris", "Answer: ?"),
    ("Paris", "Answer: Rome"),
    ("Paris", "Answer: Pari"),
    ("Paris", "Answer: Pariss"),
    ("Paris", "Answer: Par is"),
    ("Paris", "Answer: Paris Texas"),
    ("Paris", "Answer: Paris, Rome"),
    ("Paris", "Answer: Rome, Paris"),
    ("Paris", "Answer: Paris or Rome"),
    ("Paris", "Answer: Paris / Rome"),
    ("Paris", "Answer: Paris; Rome; London; Berlin"),
    ("Paris", "Answer: Paris and Rome"),
    ("Paris", "Answer: Paris (or Rome)"),
    ("Paris", "Answer: not Paris"),
    ("Paris", "Answer: maybe Paris"),
    ("Paris", "Answer: It is Paris"),
    ("Paris", "Answer: Paris is the capital of France"),
    ("Paris", "Answer: Paris Paris"),
    ("Paris", "Answer: Paris\nAnswer: Rome"),
    ("Paris", "Answer: Paris\nRome?\nFinal answer: Rome"),
    ("Paris", "Answer: Paris\nAnswer:"),
    ("Paris", "Paris\nRome"),
    ("Paris", "Rome\nParis"),
    ("Paris", "Paris\nAnswer: Rome"),
    ("Paris", "The capital of France is Paris."),
    ("Paris", "I think the answer is Paris."),
    ("Paris", "Paris, Rome, London"),
    ("Paris", "Answers: Paris"),
    ("Paris", "Question: Paris"),
    ("Paris", "<think>Answer: Paris"),
    ("Paris", "<think>Answer: Paris</think>"),
    ("Paris", "<think>Paris</think>\nAnswer: Rome"),
    ("Paris", "Answer: Paris</think>"),
    ("Paris", "Answer: “Paris”"),
    ("Beyoncé", "Answer: Beyonce"),
    ("“Heroes”", "Answer: Heroes"),
    ("U.S.A.", "Answer: USA"),
    ("U.S.A.", "Answer: U"),
    ("Vitamin A", "Answer: Vitamin C"),
    ("Vitamin A", "Answer: A"),
    ("A", "Answer:"),
    ("A", "Answer: the"),
    ("A", "Answer: an"),
    ("A", "Answer: ."),
    ("A", "Answer: @"),
    ("A", "Answer: B"),
    ("A", "Answer: A A"),
    ("The The", "Answer: the"),
    ("The The", "Answer: A"),
    ("@", "Answer: #"),
    ("(a", "Answer: a"),
    ("10,000", "Answer: 10000"),
    ("1066", "Answer: 1067"),
    ("12", "Answer: 112"),
    ("", "Answer:"),
    ("", "Answer: "),
    ("", "Answer: the"),
    ("", ""),
]


@pytest.mark.parametrize(("gold", "text"), ACCEPTED)
def test_accepts_the_right_answer_however_written(gold: str, text: str) -> None:
    found = verdict(text, gold)
    assert found.correct, found
    assert found.extracted
    assert not found.truncated


@pytest.mark.parametrize(("gold", "text"), REJECTED)
def test_rejects_near_misses(gold: str, text: str) -> None:
    found = verdict(text, gold)
    assert not found.correct, found
    assert found.reason


def test_there_are_enough_cases() -> None:
    assert len({*ACCEPTED}) >= 40
    assert len({*REJECTED}) >= 60


def test_any_accepted_answer_will_do_and_none_beside_them() -> None:
    accepted = ("Paris", "City of Light", "A")
    for text in ("Paris", "the city of light", "a"):
        assert verdict(f"Answer: {text}", *accepted).correct
    for text in ("City of", "Light", "Paris City of Light", "the", "Paris, Light"):
        assert not verdict(f"Answer: {text}", *accepted).correct


def test_the_official_form_is_lenient_where_articles_go() -> None:
    """As the official grader has it: a limit that the documentation names."""
    assert verdict("Answer: Vitamin", "Vitamin A").correct
    assert verdict("Answer: US", "U S").correct is False


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("Answer: Paris", False),
        ("Paris", False),
        ("Answer: Paris\n", True),
        ("Answer: Paris\nIt is", True),
        ("Answer:\nParis", False),
        ("Answer:\nParis\n", True),
        ("Paris\nIt is", True),
        ("Answer: Paris\nAnswer: Ro", True),
        ("<think>Answer: Paris\n", False),
        ("The capital", False),
    ],
)
def test_a_cut_completion_counts_only_if_the_line_ended(text: str, correct: bool) -> None:
    found = verdict(text, "Paris", finished=False)
    assert found.correct is correct, found
    assert found.truncated


def test_reasons_say_what_was_found() -> None:
    assert verdict("x\ny", "Paris").reason == "no line `Answer: <short answer>` found"
    assert "cut before" in verdict("x", "Paris", finished=False).reason
    assert verdict("Rome", "Paris").reason == "'Rome' is not an accepted answer ('Paris')"
    assert verdict("Paris", "Paris").reason == "'Paris' is an accepted answer ('Paris')"
    assert "longer than" in verdict("x" * 400, "Paris").reason
    assert verdict("Answer: x").reason == "the example has no answer to compare with"


@pytest.mark.parametrize("answer", ["", "Paris", "[", "{}", "[1]", "null", '"Paris"', "[null]"])
def test_an_answer_that_is_no_list_of_texts_accepts_nothing(answer: str) -> None:
    example = Example(id="x", question="", solution="", answer=answer)
    for text in ("Answer: Paris", "Answer:", "", "1", "null"):
        completion = Completion(text=text, finished=True, tokens=1)
        assert not TriviaQa().verify(example, completion).correct


# --- odd texts

ODD = [
    "\x00", "\ud800", "🙂", "answer", "Answer:", "Answer: ", "answer is", "\n", "\r", " ", "\t",
    "*", "_", ">", "#", "`", "the", "a ", "an ", "'", "‘", "“", "<think>", "</think>", "x", "İ",
]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(ODD), max_size=10).map("".join)))
def test_odd_texts_never_raise_and_verify_against_themselves(text: str) -> None:
    verdict(text, "Paris", finished=False)
    assert not verdict(text, "").correct
    line = " ".join(text.split()).strip("*_`#>- ")
    found = verdict(f"Answer: {line}", line)
    assert found.correct or "think>" in line or not line or found.extracted != line


@pytest.mark.parametrize("unit", ODD, ids=ascii)
def test_long_odd_texts_are_judged_quickly(unit: str) -> None:
    body = unit * (200_000 // len(unit))
    for text in (body, "Answer: " + body, body + "\nAnswer: Rome"):
        start = time.thread_time()
        assert not verdict(text, "Paris").correct
        assert time.thread_time() - start < 0.5


# --- the published answers


@pytest.mark.slow
@pytest.mark.parametrize(("split", "count"), [("train", TRAIN_SIZE), ("test", 11313)])
def test_every_published_answer_is_right(data_root: Path, split: str, count: int) -> None:
    dataset = TriviaQa()
    examples = dataset.load(split, Mirror(root=data_root))
    assert len(examples) == len({example.id for example in examples}) == count
    for example in examples:
        texts = [example.solution, *(f"Answer: {text}" for text in json.loads(example.answer))]
        for text in texts:
            completion = Completion(text=text, finished=True, tokens=1)
            assert dataset.verify(example, completion).correct, (example.id, text)
        assert not dataset.verify(example, Completion(text="", finished=True, tokens=1)).correct
        for nothing in ("Answer:", "Answer: the", "Answer: ."):
            completion = Completion(text=nothing, finished=True, tokens=1)
            assert not dataset.verify(example, completion).correct, example.id


@pytest.mark.slow
def test_every_alias_of_a_row_is_accepted(data_root: Path) -> None:
    dataset, mirror = TriviaQa(), Mirror(root=data_root)
    rows = {row["question"]: row for row in mirror.rows(dataset.source, "validation")}
    for example in dataset.load("test", mirror)[::10]:
        for alias in rows[example.question]["answer"]["aliases"]:
            completion = Completion(text=f"Answer: {alias}", finished=True, tokens=1)
            assert dataset.verify(example, completion).correct, (example.id, alias)


@pytest.mark.slow
def test_another_published_answer_is_rejected(data_root: Path) -> None:
    dataset = TriviaQa()
    examples = dataset.load("test", Mirror(root=data_root))
    for example, other in pairwise(examples):
        forms = [{normalise(text) for text in json.loads(e.answer)} for e in (example, other)]
        completion = Completion(text=other.solution, finished=True, tokens=1)
        shared = normalise(json.loads(other.answer)[0]) in forms[0]
        assert dataset.verify(example, completion).correct == shared


@pytest.mark.slow
def test_the_normal_form_is_the_published_one(data_root: Path) -> None:
    """The published rows list the official normal forms, which leave empty ones out."""
    rows = Mirror(root=data_root).rows(TriviaQa.source, "validation")
    official = [row["answer"] for row in rows if row["value_is_official"]]
    assert len(official) == 7983
    for answer in official:
        forms = {normalise(alias) for alias in answer["aliases"]} - {""}
        assert forms <= {*answer["normalized_aliases"]}
        assert normalise(answer["value"]) == answer["normalized_value"]


@pytest.mark.slow
def test_training_and_test_share_no_question(data_root: Path) -> None:
    """But for seven, which the published splits share in another punctuation."""
    mirror = Mirror(root=data_root)
    train, test = (
        [example.question for example in TriviaQa().load(split, mirror)]
        for split in ("train", "test")
    )
    assert {*train}.isdisjoint(test)
    assert len({*map(normalise, train)} & {*map(normalise, test)}) == 7
