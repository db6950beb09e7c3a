from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs
import pytest

from forget.errors import DataError, UnknownNameError
from forget.evaluation.items import Item
from forget.verdict.alike import (
    Difference,
    check_questions,
    check_settings,
    differences,
    pair,
    unchecked,
)
from forget.verdict.answered import Answered, Origin

NAMES = ("A", "B")
TOLD = dict.fromkeys(("device", "device_name", "lm-eval", "torch", "transformers"), "x")
SETTINGS = {"engine": "hf", "dtype": "float32"}


def item(doc_id: int, score: float = 1.0, **changes: Any) -> Item:
    known: dict[str, Any] = {
        "task": "t",
        "doc_hash": f"d{doc_id}",
        "metrics": {},
        "prompt": f"Question {doc_id}?",
        "target": "0",
        "response": [],
    }
    return Item(doc_id=doc_id, score=score, **{**known, **changes})


def answered(
    items: Sequence[Item] = (),
    settings: Mapping[str, str] = SETTINGS,
    origin: Origin = "forget",
    **changes: Any,
) -> Answered:
    known: dict[str, Any] = {"benchmark": "bench", "title": "Bench", "metric": "acc"}
    return Answered(origin=origin, settings=settings, read=lambda: items, **{**known, **changes})


# --- settings


def test_a_setting_that_one_alone_has_differs_where_both_would_tell() -> None:
    base = answered(settings={**SETTINGS, "batching": "9"})
    other = answered(settings={"engine": "builtin", "dtype": "float32"})
    assert differences(base, other) == [
        Difference("batching", "9", None),
        Difference("engine", "hf", "builtin"),
    ]
    known = [attrs.evolve(side, settings={**side.settings, **TOLD}) for side in (base, other)]
    assert unchecked(*known) == []


def test_what_nobody_tells_is_not_checked() -> None:
    settings = {**SETTINGS, **TOLD}
    del settings["lm-eval"]
    base = answered(settings=settings, origin="lm-eval")
    assert differences(base, base) == []
    assert unchecked(base, base) == ["lm-eval"]


def test_of_other_origins_only_what_both_tell_is_compared() -> None:
    settings = {**TOLD, **SETTINGS}
    base = answered(settings={**settings, "batching": "9"})
    other = answered(settings={**settings, "limit": "6", "dtype": "bfloat16"}, origin="lm-eval")
    assert differences(base, other) == [Difference("dtype", "float32", "bfloat16")]
    assert unchecked(base, other) == ["batching", "limit"]


def test_unlike_settings_are_refused_with_both_values_and_the_way_on() -> None:
    one = (answered(), answered(settings={"engine": "vllm", "dtype": "float32"}))
    two = (
        answered(benchmark="second"),
        answered(settings={"engine": "vllm", "dtype": "bfloat16"}, benchmark="second"),
    )
    with pytest.raises(DataError) as caught:
        check_settings([one, two], NAMES, ())
    assert str(caught.value) == (
        "A and B were not evaluated alike, so what differs may be no difference of the models: "
        "engine is 'hf' in A and 'vllm' in B; dtype is 'float32' in A and 'bfloat16' in B, of "
        "second. Evaluate both alike, or compare them all the same with --despite engine --despite "
        "dtype."
    )
    with pytest.raises(DataError, match=r"with --despite dtype\.$"):
        check_settings([one, two], NAMES, ["engine"])
    assert {d.setting for d in check_settings([one, two], NAMES, ["engine", "dtype"])} == {
        "engine", "dtype",
    }  # fmt: skip


def test_what_hashes_stand_for_is_said() -> None:
    pairs = [(answered(settings={"questions": "1"}), answered(settings={"questions": "2"}))]
    with pytest.raises(
        DataError, match=r"questions \(a hash of task files or verifier, documents and --limit"
    ):
        check_settings(pairs, NAMES, ())


def test_long_values_are_shown_where_they_differ() -> None:
    pairs = [
        (answered(settings={"code": "x" * 200 + "1 end"}), answered(settings={"code": "x" * 200}))
    ]
    with pytest.raises(DataError) as caught:
        check_settings(pairs, NAMES, ())
    assert f"code is '...{'x' * 20}1 end' in A and '...{'x' * 20}' in B" in str(caught.value)


def test_a_setting_that_nobody_has() -> None:
    with pytest.raises(UnknownNameError, match=r"setting of an evaluation named 'dtyp'.*'dtype'"):
        check_settings([(answered(), answered())], NAMES, ["dtyp"])


# --- items


def test_items_are_paired_whatever_their_order() -> None:
    base = answered([item(0, 1), item(1, 0), item(0, 0.5, task="u")])
    other = answered([item(0, 0.25, task="u"), item(1, 1), item(0, 0)])
    found = pair(base, other, NAMES)
    assert found.base_scores.tolist() == [1, 0, 0.5]
    assert found.scores.tolist() == [0, 1, 0.25]
    assert found.clusters is None
    assert [(a.doc_id, b.doc_id) for a, b in found.items] == [(0, 0), (1, 1), (0, 0)]


def test_what_items_share_is_known_if_one_side_tells() -> None:
    base = answered([item(number) for number in range(24)])
    other = answered([item(number, cluster=f"c{number % 12}") for number in range(24)])
    clusters = pair(base, other, NAMES).clusters
    assert clusters is not None
    assert len(set(clusters.tolist())) == 12


def test_different_items() -> None:
    base = answered([item(0), item(1), item(2)])
    other = answered([item(0), item(1, doc_hash="changed")])
    with pytest.raises(DataError) as caught:
        pair(base, other, NAMES)
    assert str(caught.value) == (
        "A and B were asked different items of bench (3 and 2): A alone has 2 (the first: t, item "
        "1, another question in the other); B alone has 1 (the first: t, item 1, another question "
        "in the other). Evaluate both on the same data and with the same --limit."
    )


def test_items_are_compared_before_they_are_evaluated() -> None:
    questions = [("t", "d0", 0)]
    to_come = answered(questions=lambda: questions)
    check_questions(answered([item(0)]), to_come, NAMES)
    check_questions(to_come, to_come, NAMES)
    check_questions(answered([item(0)]), answered([item(1)]), NAMES)  # `pair` looks at these
    with pytest.raises(DataError, match=r"A alone has 1 \(the first: t, item 1\)\. Evaluate"):
        check_questions(answered([item(0), item(1)]), to_come, NAMES)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prompt": "Question 0? "}, r"another prompt in A \('Question 0\?'\) than in B"),
        ({"target": "1"}, r"another right answer in A \('0'\) than in B \('1'\)"),
    ],
)
def test_other_prompts_and_answers(change: dict[str, str], message: str) -> None:
    with pytest.raises(DataError, match=f"Item 0 of t has {message}"):
        pair(answered([item(0)]), answered([attrs.evolve(item(0), **change)]), NAMES)


@pytest.mark.parametrize("side", [0, 1])
def test_a_score_that_is_not_a_number(side: int) -> None:
    sides = [answered([item(3)]), answered([item(3)])]
    sides[side] = answered([item(3, float("nan"))])
    with pytest.raises(DataError, match=rf"Item 3 of t in {NAMES[side]} has no score \(NaN\)"):
        pair(sides[0], sides[1], NAMES)


def test_other_metrics() -> None:
    with pytest.raises(DataError, match=r"bench is scored by acc in A and by f1 in B"):
        pair(answered(), answered(metric="f1"), NAMES)
