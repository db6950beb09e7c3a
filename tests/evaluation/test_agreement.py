from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.evaluation.agreement import Agreement, Disagreement, agree, tolerance
from forget.evaluation.items import Item, write_items
from forget.evaluation.sweep import Evaluation

Compare = Callable[[Sequence[Item], Sequence[Item]], Agreement]
ALLOWED = 2e-3


def item(*log_ps: float, score: float = 1.0, doc_id: int = 0) -> Item:
    """A choice among continuations with some log-likelihoods."""
    return _item(doc_id, score, [[log_p, False] for log_p in log_ps])


def text(*texts: str, score: float = 1.0, doc_id: int = 0) -> Item:
    return _item(doc_id, score, list(texts))


def _item(doc_id: int, score: float, response: Any) -> Item:
    return Item(
        task="made",
        doc_id=doc_id,
        doc_hash=f"hash-{doc_id}",
        score=score,
        metrics={"acc": score},
        prompt="p",
        target="t",
        response=response,
    )


@pytest.fixture
def compare(tmp_path: Path) -> Compare:
    """Write both evaluations, as an engine leaves them, and compare."""

    def evaluation(name: str, items: Sequence[Item]) -> Evaluation:
        folder = tmp_path / name
        folder.mkdir()
        write_items(folder / "items.parquet", items)
        score = math.fsum(i.score for i in items) / len(items)
        return Evaluation(
            folder=folder, exam="exam", metric="acc", score=score, items=len(items), details={}
        )

    def run(ours: Sequence[Item], theirs: Sequence[Item]) -> Agreement:
        return agree(evaluation("ours", ours), evaluation("theirs", theirs), ALLOWED)

    return run


def test_the_same_answers_agree(compare: Compare) -> None:
    items = [item(-1.0, -2.0), item(-3.0, -1.0, score=0.0, doc_id=1), text("a", doc_id=2)]
    assert compare(items, items) == Agreement(
        exam="exam",
        items=3,
        largest=0.0,
        close=0,
        texts=0,
        score=2 / 3,
        other_score=2 / 3,
        disagreements=(),
    )


def test_both_scores_are_told(compare: Compare) -> None:
    found = compare([item(-1.0, -2.0), item(-1.0)], [item(-1.0, -2.0, score=0.0), item(-1.0)])
    assert (found.score, found.other_score) == (1.0, 0.5)


# --- log-likelihoods


def test_the_largest_gap_is_that_of_any_choice_of_any_item(compare: Compare) -> None:
    ours = [item(-1.0, -2.0), item(-1.0, -2.0, -30.0, doc_id=1), item(-7.0, doc_id=2)]
    theirs = [item(-1.0, -2.0), item(-1.0, -2.0005, -29.999, doc_id=1), item(-7.0, doc_id=2)]
    found = compare(ours, theirs)
    assert found.largest == pytest.approx(1e-3)
    assert found.disagreements == ()


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize(("gap", "fault"), [(1.9e-3, False), (2.1e-3, True), (0.5, True)])
def test_a_gap_beyond_rounding_is_a_fault(
    compare: Compare, gap: float, side: int, fault: bool
) -> None:
    ours = [item(-1.0, -5.0), item(-1.0, -5.0, doc_id=7)]
    theirs = [item(-1.0, -5.0), item(-1.0, -5.0 + side * gap, doc_id=7)]
    found = compare(ours, theirs)
    assert found.largest == pytest.approx(gap)
    what = f"log-likelihoods differ by {gap:.3g}"
    assert found.disagreements == ((Disagreement("made", 7, what),) if fault else ())
    assert found.close == 0


def test_every_item_at_fault_is_named(compare: Compare) -> None:
    ours = [item(-1.0, -2.0, doc_id=number) for number in range(4)]
    theirs = [item(-1.0, -2.0 + number % 2, doc_id=number) for number in range(4)]
    assert [fault.doc_id for fault in compare(ours, theirs).disagreements] == [1, 3]


def test_what_is_rounding_depends_on_the_number_format() -> None:
    assert tolerance("float32") == 2e-3
    assert tolerance("bfloat16") == tolerance("float16") == 1.0


# --- choices


def test_a_near_tie_may_be_decided_otherwise(compare: Compare) -> None:
    """By less than 1e-3 of a difference; the score may then differ, and the item is counted."""
    ours = [item(-1.0, -1.0004, -3.0), item(-1.0, -2.0, doc_id=1)]
    theirs = [item(-1.0004, -1.0, -3.0, score=0.0), item(-1.0, -2.0, doc_id=1)]
    found = compare(ours, theirs)
    assert (found.close, found.disagreements) == (1, ())


@pytest.mark.parametrize("reverse", [False, True])
def test_it_is_near_enough_if_either_says_so(compare: Compare, reverse: bool) -> None:
    pair = [item(-1.0, -1.0), item(-1.0019, -1.0, score=0.0)]
    one, other = reversed(pair) if reverse else pair
    found = compare([one], [other])
    assert (found.close, found.disagreements) == (1, ())


def test_a_choice_that_flips_is_a_fault(compare: Compare) -> None:
    found = compare([item(-1.0, -1.0015)], [item(-1.0015, -1.0)])
    assert found.close == 0
    assert found.disagreements == (Disagreement("made", 0, "the best choice is 0, not 1"),)


def test_only_the_best_two_make_a_near_tie(compare: Compare) -> None:
    ours, theirs = item(-1.0, -1.0015, -5.0, -5.0), item(-1.0015, -1.0, -5.0, -5.0)
    assert len(compare([ours], [theirs]).disagreements) == 1


def test_a_near_tie_that_is_decided_alike_is_not_counted(compare: Compare) -> None:
    found = compare([item(-1.0, -1.0001)], [item(-1.0001, -1.0002)])
    assert (found.close, found.disagreements) == (0, ())


def test_a_near_tie_excuses_no_gap(compare: Compare) -> None:
    found = compare([item(-1.0, -1.0001)], [item(-1.5001, -1.5)])
    assert found.close == 1
    assert found.disagreements == (Disagreement("made", 0, "log-likelihoods differ by 0.5"),)


@pytest.mark.parametrize("log_p", [-1.0, -1.001])
def test_an_item_of_one_continuation_has_no_choice(compare: Compare, log_p: float) -> None:
    found = compare([item(-1.0)], [item(log_p)])
    assert (found.close, found.disagreements) == (0, ())


# --- scores


def test_another_score_of_the_same_answers_is_a_fault(compare: Compare) -> None:
    found = compare([item(-1.0, -2.0)], [item(-1.0, -2.0, score=0.0)])
    assert found.disagreements == (Disagreement("made", 0, "the score is 1, not 0"),)


@pytest.mark.parametrize(
    ("difference", "fault"), [(9e-4, False), (-9e-4, False), (1.1e-3, True), (-1.1e-3, True)]
)
def test_a_score_that_is_computed_of_probabilities_has_rounding_too(
    compare: Compare, difference: float, fault: bool
) -> None:
    ours, theirs = item(-1.0, -2.0, score=0.5), item(-1.0, -2.0, score=0.5 + difference)
    assert bool(compare([ours], [theirs]).disagreements) == fault


# --- texts


def test_texts_that_differ_are_counted_and_are_no_fault(compare: Compare) -> None:
    ours = [text("a"), text("b", doc_id=1), text("c", "reason", doc_id=2)]
    theirs = [text("a"), text("x", doc_id=1, score=0.0), text("c", "another", doc_id=2)]
    found = compare(ours, theirs)
    assert (found.texts, found.largest, found.close) == (2, None, 0)
    assert found.disagreements == ()
    assert (found.score, found.other_score) == (1.0, pytest.approx(2 / 3))


def test_likelihoods_beside_texts_are_compared_all_the_same(compare: Compare) -> None:
    ours = [text("a"), item(-1.0, -2.0, doc_id=1)]
    theirs = [text("b"), item(-1.0, -2.5, doc_id=1)]
    found = compare(ours, theirs)
    assert (found.items, found.texts, found.largest) == (2, 1, 0.5)
    assert [fault.doc_id for fault in found.disagreements] == [1]


def test_evaluations_of_other_items_are_not_compared(compare: Compare) -> None:
    with pytest.raises(ValueError, match="shorter"):
        compare([item(-1.0), item(-2.0, doc_id=1)], [item(-1.0)])
