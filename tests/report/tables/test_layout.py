from __future__ import annotations

import math

import pytest

from forget.report.tables.layout import base_score, tables
from report import made_frames


def test_places_are_by_exam_and_run() -> None:
    [table] = tables(made_frames.small())
    assert (table.name, table.columns) == ("gsm8k", ("gt-sft", "grpo", "pi"))
    assert [exam.name for exam in table.rows][-2:] == ["average", "task:gsm8k"]
    change = table.changes["hellaswag", "pi"]
    assert change.verdict == "forgot"
    assert change.few
    assert ("mmlu", "grpo") not in table.changes
    assert table.incomplete
    assert table.partial
    assert table.base["mmlu"] == pytest.approx((0.6, 0.6))
    assert table.verdicts == {"forgot", "improved", "kept", "inconclusive"}


def test_bases_that_differ_are_not_taken_for_one() -> None:
    found = made_frames.small().results
    limited = (found["method"] == "pi") & (found["benchmark"] == "hellaswag")
    [table] = tables(
        made_frames.material(found.assign(base_score=found.base_score - 0.1 * limited))
    )
    assert base_score(table, "hellaswag", "–") == "50.0–60.0"
    assert base_score(table, "mmlu", "–") == "60.0"
    assert base_score(table, "unheard of", "–") == "–"


def test_errors_that_are_infinite_are_not_known() -> None:
    [table] = tables(made_frames.awkward())
    assert math.isnan(table.changes["mmlu", table.columns[0]].stderr)


def test_groups_without_results_have_none() -> None:
    assert list(tables(made_frames.material(made_frames.frame([])))) == []
