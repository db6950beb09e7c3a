"""Methods over their seeds, as they are shown."""

from __future__ import annotations

from io import StringIO
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from forget.report.pooled import pooled_as_plain, render_pooled
from forget.verdict.pooled import POOLED


def frame(*rows: dict[str, Any]) -> pd.DataFrame:
    row = {
        "study": "s", "model": "tiny", "dataset": "sums", "method": "gt-sft", "variant": "gt-sft",
        "seeds": 3, "step": 1200, "benchmark": "mmlu", "kind": "benchmark", "delta": -0.031,
        "stderr": 0.01, "low": -0.05, "high": -0.012, "seed_sd": 0.004, "p": 0.001,
        "p_holm": 0.0123, "verdict": "forgot",
    }  # fmt: skip
    return pd.DataFrame([row | changes for changes in rows], columns=list(POOLED))


def lines(pooled: pd.DataFrame) -> list[list[str]]:
    """Return the cells of the table, its heading first."""
    console = Console(file=StringIO(), width=140)
    console.print(render_pooled(pooled))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    rows = [line.replace("┃", "│") for line in text.splitlines() if line[0] in "┃│"]
    return [[cell.strip() for cell in row.strip("│").split("│")] for row in rows]


def test_a_line_says_how_many_trainings_and_at_which_step() -> None:
    heading, line = lines(frame({}))
    assert heading == [
        "method", "benchmark", "step", "seeds", "delta", "interval", "sd", "p", "verdict"
    ]  # fmt: skip
    assert line == [
        "gt-sft", "mmlu", "1,200", "3", "-3.1", "[-5.0, -1.2]", "0.4", "0.012", "forgot"
    ]  # fmt: skip


def test_the_average_and_the_task_always_have_a_line() -> None:
    kinds = [{"benchmark": kind, "kind": kind, "verdict": "kept"} for kind in ("average", "task")]
    found = lines(frame({"verdict": "inconclusive"}, {"verdict": "kept"}, *kinds))
    assert [line[1] for line in found[1:]] == ["average", "task"]


@pytest.mark.parametrize(("name", "other"), [("model", "large"), ("dataset", "gsm8k")])
def test_what_differs_is_named(name: str, other: str) -> None:
    heading, one, another = lines(frame({}, {name: other}))
    assert heading[:3] == ["method", name, "benchmark"]
    assert {one[1], another[1]} == {frame({})[name][0], other}


def test_json_has_a_row_for_each() -> None:
    [row] = pooled_as_plain(frame({}))
    assert list(row) == list(POOLED)
    assert (row["seeds"], row["step"], row["delta"]) == (3, 1200, -0.031)
    assert pooled_as_plain(frame()) == []
