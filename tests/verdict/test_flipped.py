"""Items to read: those that changed, with what both models said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.evaluation.items import read_items, write_items
from forget.evaluation.record import SweepRecord
from forget.store.manifest import seal
from forget.verdict.flipped import FLIPS, Wanted, flips_frame, readable_response


def wanted(record: SweepRecord, root: Path) -> list[Wanted]:
    return [Wanted("a run", record, line, root) for line in record.checkpoints]


def test_lost_and_gained_items(full: SweepRecord, tmp_path: Path) -> None:
    frame = flips_frame(wanted(full, tmp_path), most=5)
    assert list(frame.columns) == list(FLIPS)
    found = frame[["checkpoint", "benchmark", "direction", "doc_id", "flips_total"]]
    assert found.values.tolist() == [
        ["step-000100", "a", "lost", 0, 2],
        ["step-000100", "a", "lost", 1, 2],
        ["step-000100", "b", "gained", 1, 1],
    ]
    assert frame.iloc[0][["prompt", "target", "base_score", "score"]].tolist() == ["?", "!", 1, 0]


def test_of_many_some_are_drawn_always_the_same(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1.0] * 200})
    bench.model("c", {"a": [0.0] * 100 + [1.0] * 100})
    bench.model("d", {"a": [0.0] * 90 + [1.0] * 110})
    record = bench.record(["a"])
    frame = flips_frame(wanted(record, tmp_path), most=7)
    c, d = (frame[frame.checkpoint == name] for name in ("c", "d"))
    assert (len(c), len(d)) == (7, 7)
    assert set(c.flips_total) == {100}
    # each item has one lot: what both models flipped and one shows, the other shows as a rule
    assert len(set(c.doc_id) & set(d.doc_id)) >= 5
    assert frame.equals(flips_frame(wanted(record, tmp_path), most=7))


def test_items_in_another_order(full: SweepRecord, tmp_path: Path) -> None:
    folder = tmp_path / "evaluations/step-000100/a/cpu"
    items = read_items(folder / "items.parquet")
    named = [attrs.evolve(item, response=[f"answer {item.doc_id}"]) for item in items]
    write_items(folder / "items.parquet", named[::-1])
    seal(folder, "evaluation", {})
    frame = flips_frame(wanted(full, tmp_path)[:1], most=5)
    assert frame[frame.benchmark == "a"].response.tolist() == ["answer 0", "answer 1"]


def test_what_is_not_evaluated_has_no_flips(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    bench.model("c", {"a": None})
    assert len(flips_frame(wanted(bench.record(["a", "b"]), tmp_path), most=5)) == 0


def test_graded_scores_do_not_flip(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [0.4, 0.6]})
    bench.model("c", {"a": [0.6, 0.4]})
    assert len(flips_frame(wanted(bench.record(["a"]), tmp_path), most=5)) == 0


def test_long_texts_keep_their_ends(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1.0]})
    bench.model("c", {"a": [0.0]})
    folder = tmp_path / "evaluations/c/a/cpu"
    [item] = read_items(folder / "items.parquet")
    text = "begin " + "x" * 10_000 + " end"
    write_items(folder / "items.parquet", [attrs.evolve(item, response=text)])
    seal(folder, "evaluation", {})
    [shown] = flips_frame(wanted(bench.record(["a"]), tmp_path), most=5).response
    assert shown.startswith("begin x")
    assert shown.endswith("x end")
    assert "[... 6,070 characters left out ...]" in shown
    assert len(shown) <= 4_000, "or the page would cut it again"


SCORED = [[-3.5, False], [-1.25, True]]


@pytest.mark.parametrize(
    ("response", "metric", "expected"),
    [
        ("text", "acc", "text"),
        (["text", "Verdict: the answer is right"], "accuracy", "text"),
        ([["text"]], "acc", "text"),
        (SCORED, "acc", "choice 1 (log-likelihoods 0: -3.50, 1: -1.25)"),
        (SCORED, "acc_norm", "log-likelihoods of the choices: 0: -3.50, 1: -1.25"),
        ([], "acc", "[]"),
        ({"odd": 1}, "acc", '{"odd": 1}'),
    ],
)
def test_answers_for_people(response: Any, metric: str, expected: str) -> None:
    assert readable_response(response, metric) == expected
