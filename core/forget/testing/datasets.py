"""The contract of datasets as tests: subclass `DatasetConformance` and name the dataset."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

import attrs
import pytest

from forget.completion import Completion
from forget.dataset import DataAccess, Dataset, Example, Verdict
from forget.testing.claims import check_names, heeds_deprecations
from forget.testing.processes import elsewhere
from forget.testing.sums import NoData

__all__ = ["DatasetConformance"]

SPLITS = ("train", "test")
OTHERS = 5
"""How many other examples' solutions are tried on an example."""

ODD_TEXTS = (
    "",
    " \n\t\u00a0\u2028",
    "\x00\x1b[31m",
    "\ud800",
    "####",
    "#### #### \\boxed{",
    "\\boxed{}\\boxed{{{{",
    "Answer:",
    "9" * 5000,
    "-1e999999",
    "nan inf 1/0 0x1F ١٢",
    "<think>2 + 2",
    "</think>",
    "{{ question }} %s {0}",
    "(" * 3000,
    "a\u0301\u202e\U0001f600",
)
"""What models have been seen to write: nothing, halves of formats, numbers that are none."""

Splits = Mapping[str, Sequence[Example]]


@heeds_deprecations
class DatasetConformance:
    """What every dataset must do.

    Attributes:
        dataset: The dataset; a subclass names it.
        data: Where its rows come from: `forget.testing.Rows`, or a `forget.mirror.Mirror` of real
            ones; a dataset made by code needs none.
        in_both: Ids of test examples that their publisher has among the training ones too; others
            are not tolerated.
        most_tried: On how many examples of a split prompts and verifier are tried.
    """

    dataset: ClassVar[Dataset]
    data: ClassVar[DataAccess] = NoData()
    in_both: ClassVar[Collection[str]] = ()
    most_tried: ClassVar[int] = 100

    @pytest.fixture(scope="class")
    @classmethod
    def subject(cls) -> Dataset:
        """The dataset; override it to have several."""
        return cls.dataset

    @pytest.fixture(scope="class")
    @classmethod
    def access(cls) -> DataAccess:
        """Where its rows come from; override it to have several."""
        return cls.data

    @pytest.fixture(scope="class")
    @classmethod
    def splits(cls, subject: Dataset, access: DataAccess) -> Splits:
        """All examples, by split."""
        return load_splits(subject, access)

    @pytest.fixture(scope="class")
    @classmethod
    def tried(cls, splits: Splits) -> Sequence[Example]:
        """Some examples of each split, evenly spread."""
        return [
            example for examples in splits.values() for example in _some(examples, cls.most_tried)
        ]

    # --- what it says of itself

    def test_it_says_what_it_is(self, subject: Dataset) -> None:
        check_names(subject)
        assert isinstance(subject, Dataset), f"{type(subject).__name__} lacks members of Dataset"
        limit = subject.max_new_tokens
        assert isinstance(limit, int), f"max_new_tokens is no whole number: {limit!r}"
        assert limit >= 1, f"max_new_tokens is {limit}: nothing could be written"

    # --- its examples

    def test_both_splits_have_examples(self, splits: Splits) -> None:
        for split, examples in splits.items():
            assert len(examples) > 0, f"the split {split!r} has no examples"
            for example in examples:
                assert isinstance(example, Example), f"{split} holds no Example: {example!r}"
                for field in attrs.fields(Example):
                    value = getattr(example, field.name)
                    assert isinstance(value, str), f"{example.id!r}: {field.name} is {value!r}"
                assert example.question.strip(), f"{example.id!r} has no question"
                assert split != "train" or example.solution.strip(), (
                    f"{example.id!r} has no solution, which GT-SFT learns to write"
                )

    def test_ids_are_unique(self, splits: Splits) -> None:
        seen: set[str] = set()
        for split, examples in splits.items():
            for example in examples:
                assert example.id.strip(), f"an example of {split} has no id"
                assert example.id not in seen, f"two examples have the id {example.id!r}"
                seen.add(example.id)

    def test_no_example_is_in_both_splits(self, splits: Splits) -> None:
        trained = {example.question.strip() for example in splits["train"]}
        for example in splits["test"]:
            assert example.question.strip() not in trained or example.id in self.in_both, (
                f"{example.id!r} of test is asked in train too: {example.question!r}"
            )

    def test_it_loads_the_same_again(
        self, subject: Dataset, access: DataAccess, splits: Splits
    ) -> None:
        _same(splits, load_splits(subject, access), "a second time")

    def test_another_process_loads_the_same(
        self, subject: Dataset, access: DataAccess, splits: Splits
    ) -> None:
        """What depends on hashes of texts, as the order of a set does, differs there."""
        _same(splits, elsewhere(load_splits, subject, access), "in another process")

    # --- how they are asked

    def test_prompts_are_chats_that_end_with_a_question(
        self, subject: Dataset, tried: Sequence[Example]
    ) -> None:
        for example in tried:
            messages = subject.prompt(example)
            where = f"the prompt of {example.id!r}"
            for message in messages:
                assert set(message) == {"role", "content"}, f"{where} has the message {message!r}"
                content = message["content"]
                assert isinstance(content, str), f"{where} has the content {content!r}"
                assert content.strip(), f"{where} has an empty message"
            roles = [message["role"] for message in messages]
            turns = roles[1:] if roles[:1] == ["system"] else roles
            assert turns[::2] == ["user"] * (len(turns) // 2 + 1), _turns(where, roles)
            assert turns[1::2] == ["assistant"] * (len(turns) // 2), _turns(where, roles)
            assert subject.prompt(example) == messages, f"{where} is another the second time"

    def test_a_prompt_does_not_know_the_answer(
        self, subject: Dataset, tried: Sequence[Example]
    ) -> None:
        """It is made of the question: with another solution and answer it is the same."""
        for example in tried:
            other = attrs.evolve(example, solution="a solution", answer="an answer")
            assert subject.prompt(other) == subject.prompt(example), (
                f"the prompt of {example.id!r} is another with another solution and answer: it "
                "shows the model what it is to find"
            )

    def test_different_questions_have_different_prompts(
        self, subject: Dataset, tried: Sequence[Example]
    ) -> None:
        asked: dict[str, str] = {}
        for example in tried:
            text = repr(subject.prompt(example))
            assert asked.setdefault(text, example.question) == example.question, (
                f"the prompt of {example.id!r} does not ask its question: another has the same"
            )

    # --- the verifier

    def test_solutions_are_accepted(self, subject: Dataset, tried: Sequence[Example]) -> None:
        for example in _answered(tried):
            verdict = _verdict(subject, example, example.solution)
            assert verdict.correct, (
                f"verify refuses the solution of {example.id!r}: extracted {verdict.extracted!r}, "
                f"answer {example.answer!r} ({verdict.reason})"
            )

    def test_nothing_is_no_answer(self, subject: Dataset, tried: Sequence[Example]) -> None:
        for example in tried:
            for text in ("", " \n"):
                assert not _verdict(subject, example, text).correct, (
                    f"verify accepts the empty completion {text!r} for {example.id!r}"
                )

    def test_other_solutions_are_refused(self, subject: Dataset, tried: Sequence[Example]) -> None:
        """At least one: those of two examples may come to the same."""
        answered = _answered(tried)
        for index, example in enumerate(answered):
            behind = answered[index + 1 :] + answered[:index]
            others = [other for other in behind if other.answer != example.answer][:OTHERS]
            accepted = [_verdict(subject, example, other.solution).correct for other in others]
            assert not others or not all(accepted), (
                f"verify accepts for {example.id!r}, whose answer is {example.answer!r}, the "
                f"solutions of {len(others)} other examples: {', '.join(o.id for o in others)}"
            )

    def test_who_repeats_the_question_is_not_right(
        self, subject: Dataset, tried: Sequence[Example]
    ) -> None:
        """By chance an example may have it; not all of them."""
        answered = _answered(tried)
        right = [
            _verdict(subject, example, subject.prompt(example)[-1]["content"]).correct
            for example in answered
        ]
        assert not all(right), (
            f"verify accepts the question itself for all of {len(answered)} examples: the prompt "
            "shows the answer"
        )

    @pytest.mark.parametrize("text", ODD_TEXTS, ids=range(len(ODD_TEXTS)))
    def test_odd_texts_get_a_verdict(
        self, subject: Dataset, tried: Sequence[Example], text: str
    ) -> None:
        for example in _some(tried, 4):
            for finished in (True, False):
                try:
                    verdict = _verdict(subject, example, text, finished=finished)
                except Exception as error:
                    raise AssertionError(
                        f"verify raised {type(error).__name__} ({error}) on {text[:40]!r}; it must "
                        "give a verdict on whatever a model writes"
                    ) from error
                _check_verdict(verdict, finished)

    def test_the_same_completion_has_the_same_verdict(
        self, subject: Dataset, tried: Sequence[Example]
    ) -> None:
        for example in _some(tried, 20):
            for text in (example.solution, example.question):
                verdicts = [_verdict(subject, example, text) for _ in range(2)]
                assert verdicts[0] == verdicts[1], (
                    f"verify gives {example.id!r} two verdicts on the same text: {verdicts}"
                )


def load_splits(dataset: Dataset, data: DataAccess) -> dict[str, list[Example]]:
    """Return all examples, by split."""
    return {split: list(dataset.load(split, data)) for split in SPLITS}


def _some(examples: Sequence[Example], most: int) -> list[Example]:
    return list(examples[:: -(-len(examples) // most) or 1])


def _answered(examples: Sequence[Example]) -> list[Example]:
    answered = [example for example in examples if example.answer]
    if not answered:
        pytest.skip("none of its examples has an answer that a completion could give")
    return answered


def _verdict(subject: Dataset, example: Example, text: str, *, finished: bool = True) -> Verdict:
    tokens = min(len(text) + finished, subject.max_new_tokens)
    return subject.verify(example, Completion(text=text, finished=finished, tokens=tokens))


def _check_verdict(verdict: Verdict, finished: bool) -> None:
    assert isinstance(verdict, Verdict), f"verify returned {verdict!r}, which is no Verdict"
    assert isinstance(verdict.correct, bool), f"correct is {verdict.correct!r}, no bool"
    assert verdict.extracted is None or isinstance(verdict.extracted, str), (
        f"extracted is {verdict.extracted!r}; it is a text, or None for no answer"
    )
    assert verdict.reason.strip(), "a verdict has no reason"
    assert verdict.truncated is not finished, (
        f"truncated is {verdict.truncated} for a completion with finished={finished}"
    )


def _same(splits: Splits, again: Splits, when: str) -> None:
    for split, examples in splits.items():
        others = again[split]
        assert len(others) == len(examples), (
            f"{split} has {len(others)} examples {when}, and had {len(examples)}"
        )
        for one, other in zip(examples, others, strict=True):
            assert one == other, f"{split} is another {when}: {other.id!r} is where {one.id!r} was"


def _turns(where: str, roles: Sequence[str]) -> str:
    return (
        f"{where} has the turns {', '.join(roles)}; chat templates take a system's message, if "
        "any, and then user and assistant in turn, the user last"
    )
