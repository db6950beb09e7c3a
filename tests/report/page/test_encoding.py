from __future__ import annotations

import json
import math

import pandas as pd
import pytest

from forget.report.page.encoding import columns, json_for_page, thinned, within
from report.page.materials import FLIPS, HOSTILE, Run, flip


def test_columns() -> None:
    frame = pd.DataFrame(
        {
            "share": [0.123456789, math.nan, -math.inf],
            "count": pd.array([3, pd.NA, 14042], dtype="Int64"),
            "last": [True, False, True],
            "text": ["a", None, "a"],
        }
    )
    assert columns(frame) == {
        "share": [0.12346, None, None],
        "count": [3, None, 14042],
        "last": [1, 0, 1],
        "text": {"levels": ["a"], "codes": [0, -1, 0]},
    }


def test_columns_of_an_empty_frame() -> None:
    empty = pd.DataFrame({"a": pd.Series([], dtype="float64"), "b": pd.Series([], dtype="object")})
    assert columns(empty) == {"a": [], "b": {"levels": [], "codes": []}}


def test_json_cannot_end_its_element() -> None:
    text = json_for_page({"prompt": HOSTILE})
    assert "<" not in text
    assert ">" not in text
    assert json.loads(text) == {"prompt": HOSTILE}


def test_json_has_no_number_that_browsers_refuse() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_for_page([math.nan])


def test_curves_are_thinned_run_by_run() -> None:
    curves = pd.DataFrame({"run": ["a"] * 1000 + ["b"] * 3, "step": [*range(1000), 1, 2, 3]})
    kept = thinned(curves, most=100)
    of_a = kept[kept["run"] == "a"]["step"]
    assert len(of_a) == 100
    assert of_a.iloc[-1] == 999  # where training ended
    assert len(kept[kept["run"] == "b"]) == 3


def test_no_curves_stay_none() -> None:
    assert thinned(pd.DataFrame(columns=["run", "step"])).empty


def made(*exams: str, count: int = 20) -> pd.DataFrame:
    run = Run(method="gt-sft")
    rows = [flip(run, "step-000100", exam, index) for exam in exams for index in range(count)]
    return pd.DataFrame(rows, columns=list(FLIPS))


def test_all_items_are_kept_where_there_is_room() -> None:
    flips = made("mmlu", "boolq")
    assert within(flips, 1_000_000).equals(flips)


def test_every_group_keeps_some_items_where_there_is_not() -> None:
    kept = within(made("mmlu", "boolq"), 1500)
    groups = kept.groupby(["benchmark", "direction"]).size()
    assert len(groups) == 4
    assert groups.max() - groups.min() <= 1
    assert 4 <= len(kept) < 40
    assert kept.index.is_monotonic_increasing


def test_a_text_that_occurs_again_takes_no_room() -> None:
    flips = made("mmlu").assign(prompt="p" * 500, target="t", base_response="b", response="r")
    assert len(within(flips, 600)) == 20


def test_long_texts_are_cut_and_say_so() -> None:
    flips = made("mmlu", count=1).assign(response="x" * 5000, target=None)
    kept = within(flips, 1_000_000)
    assert kept["response"].item().endswith("x … [1,000 more characters are not shown]")
    assert kept["target"].item() == ""


def test_no_items_and_no_room() -> None:
    assert within(made(), 100).empty
    assert within(made("mmlu"), 0).empty
