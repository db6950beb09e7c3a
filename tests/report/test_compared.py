from __future__ import annotations

import json
from io import StringIO

from rich.console import Console

from forget.evaluation.items import Item
from forget.report.compared import comparison_as_json, render_compared
from forget.verdict.answered import Answered, Side
from forget.verdict.gate import Comparison, compare_sides
from forget.verdict.terms import Terms


def side(name: str, lost: int, **settings: str) -> Side:
    """Return a side that has lost so many of 100 items, and has one item of another benchmark."""

    def answered(benchmark: str, scores: list[float], required: int) -> Answered:
        items = [
            Item(
                task=benchmark,
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
            benchmark=benchmark,
            title=benchmark,
            metric="acc",
            details={"required_items": required, "truncation_rate": 0.25},
            origin="lm-eval" if settings else "forget",
            settings={"code": "y", **settings},
            read=lambda: items,
        )

    scores = [0.0] * lost + [1.0] * (100 - lost)
    found = {"a": scores, "b": [0.5], "task:sums": scores}
    required = {"a": 100, "b": 1172, "task:sums": 100}
    return Side(
        name=name,
        model=f"model {name}",
        answered={key: answered(key, values, required[key]) for key, values in found.items()},
    )


def comparison() -> Comparison:
    sides = (side("[old]", 0), side("new", 12, code="x" * 100, limit="5"))
    return compare_sides(sides, None, ("code",), Terms())


def test_a_table_with_all_that_limits_it() -> None:
    console = Console(file=StringIO(), width=120)
    console.print(render_compared(comparison(), ["a changed."]))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines()]
    cells = {row[0]: row[1:] for row in rows if row}
    assert cells["a"][:4] == ["acc", "100.0", "88.0", "-12.0"]
    assert cells["a"][-2:] == ["forgot", "100"]
    assert cells["b"][-2:] == ["inconclusive", "1 of 1,172"]
    text = " ".join(said.split())
    assert "new against [old]" in text
    assert f"in spite of unlike code: y in [old], {'x' * 57}... in new" in text
    assert "told by one side alone, so not checked: limit" in text
    assert "task accuracy (sums, 100 held-out problems): 100.0 -> 88.0" in text
    assert "a changed." in text


def test_json_without_what_is_not_known() -> None:
    plain = comparison_as_json(comparison(), ["a changed."])
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["base"] == {"name": "[old]", "model": "model [old]"}
    first, second = plain["benchmarks"]
    assert (first["verdict"], first["lost"], first["required_items"]) == ("forgot", 12, 100)
    assert (second["verdict"], second["p"]) == ("inconclusive", None)
    assert (plain["margin"], plain["level"]) == (0.01, 0.95)
    assert plain["failures"] == ["a changed."]
    assert plain["despite"] == [{"setting": "code", "base": "y", "other": "x" * 100}]
    assert plain["unchecked"] == ["limit"]
    assert plain["not_compared"] == []
    assert plain["task_accuracy"]["task"] == "sums"
