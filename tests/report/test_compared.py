from __future__ import annotations

import json
from io import StringIO

import attrs
import pytest
from rich.console import Console

from forget.evaluation.items import Item
from forget.report.compared import comparison_as_json, render_compared
from forget.verdict.alike import Difference
from forget.verdict.answered import Answered, Side
from forget.verdict.gate import Comparison, compare_sides
from forget.verdict.terms import Terms


def answered(name: str, scores: list[float], required: int) -> Answered:
    items = [
        Item(
            task=name, doc_id=row, doc_hash="d", score=score, metrics={}, prompt="", target="",
            response=[],
        )
        for row, score in enumerate(scores)
    ]  # fmt: skip
    return Answered(
        benchmark=name, title=name, metric="acc", origin="forget", settings={}, read=lambda: items,
        details={"required_items": required, "truncation_rate": 0.25},
    )  # fmt: skip


@pytest.fixture
def comparison() -> Comparison:
    before, after = [1.0] * 60 + [0.0] * 40, [0.0] * 12 + [1.0] * 48 + [1.0] * 2 + [0.0] * 38
    base = {"a": answered("a", before, 100), "b": answered("b", [1.0], 1172)}
    other = {"a": answered("a", after, 100), "b": answered("b", [0.0], 1172)}
    base["task:sums"] = answered("task:sums", before, 100)
    other["task:sums"] = answered("task:sums", after, 100)
    sides = (
        Side(name="[old]", model="m", answered=base),
        Side(name="new", model="n", answered=other),
    )
    return attrs.evolve(
        compare_sides(sides, None, (), Terms()),
        despite=(Difference("code", "x" * 100, None),),
        unchecked=("limit", "questions"),
        left_out={"c": "only [old] has it"},
    )


def test_a_table_with_all_that_limits_it(comparison: Comparison) -> None:
    console = Console(file=StringIO(), width=120)
    console.print(render_compared(comparison, ["a changed."]))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines()]
    cells = {row[0]: row[1:] for row in rows if row}
    judged = ["-10.0", "[-17.0, -2.6]", "0.026", "forgot"]
    assert cells["a"] == ["acc", "60.0", "50.0", *judged, "100"]
    judged = ["-100.0", "-", "-", "inconclusive"]
    assert cells["b"] == ["acc", "100.0", "0.0", *judged, "1 of 1,172"]
    assert cells["average"][3] == "-55.0"
    text = " ".join(said.split())
    assert "new against [old]" in text
    assert "task accuracy (sums, 100 held-out problems): 60.0 -> 50.0 (-10.0 [-17.0, -2.6])" in text
    cut = f"{'x' * 57}..."
    assert f"in spite of unlike code: {cut} in [old], not set in new" in text
    assert "not told by both sides, so not checked: limit, questions" in text
    assert "c is not compared: only [old] has it" in text
    assert "a changed." in text
    assert "delta = new - [old] on the same items" in text


def test_json_without_what_is_not_known(comparison: Comparison) -> None:
    plain = comparison_as_json(comparison, ["a changed."])
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["base"] == {"name": "[old]", "model": "m"}
    assert plain["benchmarks"][1]["stderr"] is None
    assert plain["average"]["delta"] == pytest.approx(-0.55)
    assert (plain["average"]["stderr"], plain["average"]["p"]) == (None, None)
    assert plain["max_drop"] == 0.01
    assert plain["failures"] == ["a changed."]
    assert plain["task_accuracy"]["verdict"] == "forgot"
