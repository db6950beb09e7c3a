from __future__ import annotations

import json
import re
from io import StringIO
from math import sqrt
from pathlib import Path
from typing import Any

import attrs
import pytest
from rich.console import Console

from forget.evaluation.record import SweepRecord
from forget.report.findings import collect
from forget.report.plain import findings_as_plain
from forget.report.terminal import render

DRIFT: dict[str, Any] = {
    "prompts": 16,
    "kl_to_base": 0.0123,
    "kl_to_base_stderr": 0.0015,
    "unchanged_weights": 0.931,
    "relative_change": 1.23e-3,
}


def screen(record: SweepRecord, root: Path) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(render(collect(record, root)))
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def row(text: str, name: str) -> list[str]:
    [line] = [line for line in text.splitlines() if line.strip("│ ").startswith(name + " ")]
    return [cell.strip() for cell in line.strip("│ ").split("│")]


# --- JSON


def test_the_documented_shape(full: SweepRecord, tmp_path: Path) -> None:
    plain = findings_as_plain(collect(full, tmp_path))
    assert json.loads(json.dumps(plain, allow_nan=False)) == plain
    assert plain["title"] == "a title"
    assert plain["base"]["name"] == "tiny"
    assert plain["fingerprint"] == {"engine": "stock", "device": "cpu"}
    first, second = plain["checkpoints"]
    assert (first["name"], first["step"]) == ("step-000100", 100)
    assert (second["name"], second["step"]) == ("step-000200", 200)
    assert first["benchmarks"] == [
        {
            "benchmark": "a",
            "metric": "acc",
            "score": 0.25,
            "base_score": 0.5,
            "delta": -0.25,
            "stderr": pytest.approx(sqrt(1.5 / 7 / 8)),
            "items": 8,
            "required_items": 1172,
        },
        {
            "benchmark": "b",
            "metric": "acc",
            "score": 0.75,
            "base_score": 0.5,
            "delta": 0.25,
            "stderr": pytest.approx(0.25),
            "items": 4,
            "required_items": 4,
        },
    ]
    assert first["missing"] == []
    assert first["average"]["delta"] == 0.0
    assert first["worst"] == {"benchmark": "a", "delta": -0.25}
    assert first["task_accuracy"] == {
        "task": "sums",
        "score": 1.0,
        "base_score": 0.25,
        "delta": 0.75,
        "stderr": pytest.approx(0.25),
        "items": 4,
        "truncation_rate": 0.25,
        "base_truncation_rate": 0.5,
    }


def test_one_item_and_missing_ones_are_null_not_nan(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1], "b": [1]})
    bench.model("folder/x", {"a": [0], "b": None})
    record = bench.record(["a", "b"])
    [checkpoint] = findings_as_plain(collect(record, tmp_path))["checkpoints"]
    assert json.dumps(checkpoint, allow_nan=False)
    [finding] = checkpoint["benchmarks"]
    assert (finding["delta"], finding["stderr"], finding["items"]) == (-1.0, None, 1)
    assert finding["required_items"] is None
    assert checkpoint["missing"] == ["b"]
    assert (checkpoint["step"], checkpoint["average"], checkpoint["task_accuracy"]) == (None,) * 3


def test_nothing_evaluated_is_plain_too(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": None})
    bench.model("c", {"a": None})
    [checkpoint] = findings_as_plain(collect(bench.record(["a"]), tmp_path))["checkpoints"]
    assert (checkpoint["benchmarks"], checkpoint["worst"]) == ([], None)


def test_the_distance_from_the_base_is_passed_on(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    bench.model("c", {"a": [0, 0]})
    bench.model("d", {"a": [0, 0]})
    bench.lines["c"] = attrs.evolve(bench.lines["c"], drift=DRIFT)
    c, d = findings_as_plain(collect(bench.record(["a"]), tmp_path))["checkpoints"]
    assert (c["drift"], d["drift"]) == (DRIFT, None)


# --- the terminal


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        (
            {},
            "distance from the base: KL 0.0123 ± 0.00150 nats a token on 16 task prompts; "
            "93.1 % of the weights unchanged, relative change 1.2e-03",
        ),
        ({"kl_to_base": None, "kl_to_base_stderr": None}, "KL - ± - nats a token"),
        ({"unchanged_weights": None, "relative_change": None}, "on 16 task prompts"),
    ],
)
def test_the_distance_from_the_base(
    bench: Any, tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    bench.model("base", {"a": [1, 0]})
    bench.model("c", {"a": [0, 0]})
    bench.lines["c"] = attrs.evolve(bench.lines["c"], drift={**DRIFT, **changes})
    text = " ".join(screen(bench.record(["a"]), tmp_path).split())
    assert says in text
    assert ("unchanged" in text) == ("93.1" in says or "KL -" in says)


def test_what_was_not_measured_is_not_mentioned(full: SweepRecord, tmp_path: Path) -> None:
    assert "distance" not in screen(full, tmp_path)


def test_the_table_has_the_numbers(full: SweepRecord, tmp_path: Path) -> None:
    text = screen(full, tmp_path).split("step-000200 against tiny")[0]
    assert "step-000100 against tiny" in text
    assert row(text, "a") == ["a", "acc", "50.0", "25.0", "-25.0", "16.4", "8 of 1,172"]
    assert row(text, "b") == ["b", "acc", "50.0", "75.0", "+25.0", "25.0", "4"]
    assert row(text, "average")[4:6] == ["+0.0", "14.9"]
    assert "worst: a -25.0" in text
    task = "task accuracy (sums, 4 held-out problems): 25.0 -> 100.0 (+75.0 ± 25.0)"
    assert " ".join(text.split()).count(task) == 1
    assert "cut at the length limit: 50.0 % -> 25.0 %" in " ".join(text.split())


def test_the_reader_is_told_what_the_numbers_mean(full: SweepRecord, tmp_path: Path) -> None:
    text = " ".join(screen(full, tmp_path).split())
    assert "negative = forgotten" in text
    assert "standard error of the paired difference" in text


def test_what_is_missing_is_shown_and_not_averaged(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0], "b": [1, 0]})
    bench.model("c", {"a": [0, 0], "b": None})
    text = screen(bench.record(["a", "b"]), tmp_path)
    assert "not evaluated" in row(text, "b")
    assert "average" not in text


def test_one_item_shows_no_error(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1]})
    bench.model("c", {"a": [0]})
    text = screen(bench.record(["a"]), tmp_path)
    assert row(text, "a") == ["a", "acc", "100.0", "0.0", "-100.0", "-", "1"]


def test_names_are_not_markup(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    bench.model("out[red]x", {"a": [0, 0]})
    assert "out[red]x against tiny" in screen(bench.record(["a"]), tmp_path)


def test_no_checkpoint_yet(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    assert "There is no checkpoint yet." in screen(bench.record(["a"]), tmp_path)


def test_only_a_change_beyond_two_errors_has_a_colour(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"sure": [1] * 20, "unsure": [1] * 20, "won": [0] * 20})
    bench.model("c", {"sure": [0] * 10 + [1] * 10, "unsure": [0] + [1] * 19, "won": [1] * 20})
    console = Console(
        file=StringIO(), width=120, force_terminal=True, color_system="standard", no_color=False
    )
    console.print(render(collect(bench.record(["sure", "unsure", "won"]), tmp_path)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"\x1b\[31m *-50\.0 *\x1b", text)
    assert re.search(r"\x1b\[32m *\+100\.0 *\x1b", text)
    assert re.search(r"[^m] *-5\.0 ", text)
    assert not re.search(r"\x1b\[3\dm *-5\.0", text)
