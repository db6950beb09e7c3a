from __future__ import annotations

from collections.abc import Mapping, Sequence

import attrs
import pytest
from scipy import stats

from forget.errors import DataError
from forget.evaluation.items import Item
from forget.verdict.answered import Answered, Side
from forget.verdict.gate import Comparison, check_items, compare_sides, failures
from forget.verdict.terms import Terms

Scores = Sequence[float]


def answered(name: str, scores: Scores, tasks: Sequence[str] = ("t",)) -> Answered:
    items = [
        Item(
            task=tasks[index % len(tasks)],
            doc_id=index,
            doc_hash="d",
            score=score,
            metrics={},
            prompt="",
            target="",
            response=[],
        )
        for index, score in enumerate(scores)
    ]
    return Answered(
        benchmark=name,
        title=name,
        metric="acc",
        origin="forget",
        settings={"engine": "x"},
        read=lambda: items,
    )


def side(name: str, scores: Mapping[str, Scores]) -> Side:
    found = {benchmark: answered(benchmark, values) for benchmark, values in scores.items()}
    return Side(name=name, model=name, answered=found)


def compared(
    base: Mapping[str, Scores], other: Mapping[str, Scores], margin: float = 0.01
) -> Comparison:
    return compare_sides((side("A", base), side("B", other)), None, (), Terms(margin=margin))


def dropped(items: int, lost: int) -> tuple[Scores, Scores]:
    """Return scores of which so many are lost and none is gained."""
    return [1.0] * items, [0.0] * lost + [1.0] * (items - lost)


def test_differences_with_their_tests() -> None:
    base = {"a": [1.0, 1.0, 1.0, 0.0], "b": [0.5, 0.25, 0.75], "task:sums": [0.0, 0.0]}
    other = {"a": [0.0, 0.0, 1.0, 1.0], "b": [0.25, 0.25, 0.25], "task:sums": [1.0, 1.0]}
    found = compared(base, other).found
    a, b = found.benchmarks
    assert (a.base_score, a.score, a.change.delta) == (0.75, 0.5, -0.25)
    assert a.judgement.p == pytest.approx(stats.binomtest(1, 3).pvalue)
    assert b.judgement.p == pytest.approx(0.5, abs=0.02)  # two of the four signs show as much
    assert (a.judgement.p_holm, b.judgement.p_holm) == (1.0, 1.0)
    assert found.average is not None
    assert found.average.delta == pytest.approx((-0.25 - 0.25) / 2)
    assert found.task is not None
    assert found.task.change.delta == 1.0
    assert found.task.judgement.p_holm == found.task.judgement.p


def test_the_items_of_several_tasks_are_clusters() -> None:
    tasks = [f"subject {number}" for number in range(12)]
    base = answered("m", [1.0] * 24, tasks=tasks)
    other = answered("m", ([0.0] + [1.0] * 11) * 2, tasks=tasks)
    sides = [
        Side(name=name, model=name, answered={"m": answers})
        for name, answers in (("A", base), ("B", other))
    ]
    [found] = compare_sides((sides[0], sides[1]), None, (), Terms()).found.benchmarks
    assert found.change.clusters == 12
    assert found.judgement.test == "sign flips of 12 clusters"
    assert found.judgement.p == 1.0  # a single cluster lost something


def test_what_one_side_alone_has() -> None:
    found = compared({"a": [1.0, 0.0], "b": [1.0]}, {"a": [1.0, 0.0], "c": [1.0], "task:x": [1.0]})
    assert [one.benchmark for one in found.found.benchmarks] == ["a"]
    assert found.left_out == {"b": "only A has it", "c": "only B has it"}
    base = side("A", {"a": [1.0]})
    other = attrs.evolve(side("B", {"a": [1.0]}), left_out={"d": "it has no metric"})
    assert compare_sides((base, other), None, (), Terms()).left_out == {"d": "B: it has no metric"}
    assert compare_sides((base, other), ["a"], (), Terms()).left_out == {}


def test_one_item_has_no_spread() -> None:
    base, other = side("A", {"a": [0.5]}), side("B", {"a": [0.25]})
    found = compare_sides((base, other), None, (), Terms())
    [one] = found.found.benchmarks
    assert (one.judgement.p, one.judgement.interval) == (None, None)
    assert failures(found, strict=False) == []
    assert failures(found, strict=True) == [
        "a changed by -25.0 points, and a drop of 1.0 points is not ruled out (one-sided 95 % "
        "bound unknown): more items would tell.",
        "the average changed by -25.0 points, and a drop of 1.0 points is not ruled out (one-sided "
        "95 % bound unknown): more items would tell.",
    ]


# --- the gate


def test_a_drop_beyond_the_margin_that_is_no_chance() -> None:
    base, other = dropped(200, 10)
    [one, average] = failures(compared({"a": base}, {"a": other}), strict=False)
    assert one == (
        "a changed by -5.0 points, more than the 1.0 that are accepted, and not by chance "
        "(p = 0.002)."
    )
    assert average.startswith("the average changed by -5.0 points, more than the 1.0 that are")


@pytest.mark.parametrize(
    ("items", "lost", "margin"),
    [
        (200, 10, 0.05),  # sure, and within the margin
        (100, 4, 0.01),  # beyond the margin, and may be chance
        (100, 0, 0.01),
    ],
)
def test_what_passes(items: int, lost: int, margin: float) -> None:
    base, other = dropped(items, lost)
    found = compared({"a": base}, {"a": other}, margin)
    assert failures(found, strict=False) == []
    assert failures(found, strict=True)  # of so few items nothing is shown


def test_a_gain_passes() -> None:
    other, base = dropped(2000, 100)
    found = compared({"a": base}, {"a": other})
    assert failures(found, strict=False) == failures(found, strict=True) == []


def test_enough_items_show_that_nothing_was_lost() -> None:
    base, other = dropped(4000, 4)
    assert failures(compared({"a": base}, {"a": other}), strict=True) == []


def test_many_benchmarks_are_adjusted_for() -> None:
    """The same drop is sure by itself, and not the worst of ten."""
    base, other = dropped(200, 7)
    kept = {str(index): ([1.0] * 200) for index in range(9)}
    alone = compared({"a": base}, {"a": other})
    among = compared({"a": base, **kept}, {"a": other, **kept})
    assert failures(alone, strict=False)
    assert failures(among, strict=False) == []


# --- refusals


def test_items_are_looked_at_before_anything_is_evaluated() -> None:
    base, other = side("A", {"a": [1.0, 1.0]}), side("B", {"a": [1.0]})
    check_items((base, other), None)  # both are evaluated: pairing looks at them
    with pytest.raises(DataError, match=r"asked different items of a \(2 and 1\)"):
        compare_sides((base, other), None, (), Terms())


@pytest.mark.parametrize(
    ("scores", "wanted", "message"),
    [
        (
            {"c": [1.0]},
            None,
            "A and B have no benchmark in common: the one has answers to a, task:",
        ),
        ({"task:x": [1.0]}, None, "no benchmark in common"),
        ({}, None, "the other to none"),
        ({"c": [1.0]}, ["a"], "B has no answers to a: it has c"),
        ({"a": [1.0]}, ["a", "c"], "A has no answers to c: it has a, task:x"),
    ],
)
def test_nothing_to_compare(
    scores: Mapping[str, Scores], wanted: Sequence[str] | None, message: str
) -> None:
    sides = (side("A", {"a": [1.0], "task:x": [1.0]}), side("B", scores))
    with pytest.raises(DataError, match=message):
        compare_sides(sides, wanted, (), Terms())
