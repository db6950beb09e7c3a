from __future__ import annotations

import json
from io import StringIO

from rich.console import Console

from forget.metrics import Average, PairedDifference
from forget.report.compared import comparison_as_json, render_compared
from forget.verdict.alike import Difference
from forget.verdict.answered import Answered, Side
from forget.verdict.gate import Compared, Comparison


def compared(name: str, change: PairedDifference, p: float | None, required: int) -> Compared:
    answered = Answered(
        benchmark=name,
        title=name,
        metric="acc",
        required_items=required,
        origin="forget",
        settings={},
        read=list,
    )
    return Compared(
        answered=answered, base_score=0.6, score=0.5, change=change, p=p, p_holm=p, low=None
    )


def comparison() -> Comparison:
    sure = PairedDifference(-0.1, 0.01, 100, lost=12, gained=2)
    return Comparison(
        base=Side(name="[old]", model="m", answered={}),
        other=Side(name="new", model="n", answered={}),
        benchmarks=(
            compared("a", sure, 0.0001, 100),
            compared("b", PairedDifference(-0.1, None, 1), None, 1172),
        ),
        task=compared("task:sums", sure, 0.02, 100),
        average=Average(-0.1, None),
        average_p=None,
        average_low=None,
        despite=(Difference("code", "x" * 100, None),),
        unchecked=("limit", "questions"),
        left_out={"c": "only [old] has it"},
    )


def test_a_table_with_all_that_limits_it() -> None:
    console = Console(file=StringIO(), width=120)
    console.print(render_compared(comparison(), ["a changed."]))
    said = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [[c.strip() for c in line.split("│")[1:-1]] for line in said.splitlines()]
    cells = {row[0]: row[1:] for row in rows if row}
    assert cells["a"] == ["acc", "60.0", "50.0", "-10.0", "1.0", "< .001", "-", "100"]
    assert cells["b"] == ["acc", "60.0", "50.0", "-10.0", "-", "-", "-", "1 of 1,172"]
    assert cells["average"] == ["", "", "", "-10.0", "-", "-", "-", ""]
    assert cells["task:sums"][5] == "0.020"
    text = " ".join(said.split())
    assert "new against [old]" in text
    cut = f"{'x' * 57}..."
    assert f"in spite of unlike code: {cut} in [old], not set in new" in text
    assert "told by one side alone, so not checked: limit, questions" in text
    assert "c is not compared: only [old] has it" in text
    assert "a changed." in text
    assert "delta = new - [old] on the same items" in text


def test_json_without_what_is_not_known() -> None:
    plain = comparison_as_json(comparison(), 0.01, ["a changed."])
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["base"] == {"name": "[old]", "model": "m"}
    assert plain["benchmarks"][1]["stderr"] is None
    assert plain["average"] == {"delta": -0.1, "stderr": None, "p": None, "low": None}
    assert plain["max_drop"] == 0.01
    assert plain["failures"] == ["a changed."]
    assert plain["task_accuracy"]["lost"] == 12
