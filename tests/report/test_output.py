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
from forget.report.plain import findings_as_plain
from forget.report.terminal import render
from forget.verdict.findings import collect
from forget.verdict.terms import Terms

DRIFT: dict[str, Any] = {
    "prompts": 16,
    "kl_to_base": 0.0123,
    "kl_to_base_stderr": 0.0015,
    "unchanged_weights": 0.931,
    "relative_change": 1.23e-3,
}


EXPECTED: list[dict[str, Any]] = [
    {
        "benchmark": "a",
        "metric": "acc",
        "score": 0.25,
        "base_score": 0.5,
        "delta": -0.25,
        "stderr": pytest.approx(sqrt(1.5 / 7 / 8)),
        "items": 8,
        "required_items": 1172,
        "lost": 2,
        "gained": 0,
        "clusters": None,
        "verdict": "inconclusive",
        # half an item more in each cell: 2.5 lost and .5 gained of 10
        "interval": pytest.approx(
            [-0.2 + sign * 1.959964 * sqrt((0.3 - 0.04) / 10) for sign in (-1, 1)], abs=1e-6
        ),
        "interval_method": "Agresti-Min",
        "test": "exact McNemar",
        "p": 0.5,
        "p_mid": 0.25,
        "p_holm": 1.0,
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
        "lost": 0,
        "gained": 1,
        "verdict": "inconclusive",
        "p": 1.0,
        "p_mid": 0.5,
        "p_holm": 1.0,
    },
]


def screen(record: SweepRecord, root: Path, *, every: bool = True) -> str:
    console = Console(file=StringIO(), width=120)
    console.print(render(collect(record, root), every=every))
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
    for found, expected in zip(first["benchmarks"], EXPECTED, strict=True):
        assert {key: found[key] for key in expected} == expected
    assert set(first["benchmarks"][0]) - set(EXPECTED[0]) == {
        *("bootstrap", "corrected", "band", "p_equivalent", "detectable", "detectable_holm"),
        *("p_bh", "p_max", "reason", "forgetting", "backward_transfer"),
    }
    assert first["missing"] == []
    assert first["average"]["delta"] == 0.0
    assert first["worst"] == {"benchmark": "a", "delta": -0.25}
    expected = {
        "task": "sums",
        "score": 1.0,
        "base_score": 0.25,
        "delta": 0.75,
        "stderr": pytest.approx(0.25),
        "items": 4,
        "truncation_rate": 0.25,
        "base_truncation_rate": 0.5,
    }
    assert {key: first["task_accuracy"][key] for key in expected} == expected


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
        ({"kl_to_base": None, "kl_to_base_stderr": None}, "base: no finite KL on 16 task prompts"),
        ({"kl_to_base_stderr": None}, "base: KL 0.0123 nats a token on 16 task prompts; 93.1 %"),
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
    assert ("unchanged" in text) == ("93.1" in says or "no finite" in says)


def test_what_was_not_measured_is_not_mentioned(full: SweepRecord, tmp_path: Path) -> None:
    assert "distance" not in screen(full, tmp_path)


def test_the_table_has_the_numbers(full: SweepRecord, tmp_path: Path) -> None:
    text = screen(full, tmp_path).split("step-000200 against tiny")[0]
    assert "step-000100 against tiny" in text
    judged = ["-25.0", "[-51.6, +11.6]", "1.00", "inconclusive"]
    assert row(text, "a") == ["a", "acc", "50.0", "25.0", *judged, "8 of 1,172"]
    judged = ["+25.0", "[-27.6, +60.9]", "1.00", "inconclusive"]
    assert row(text, "b") == ["b", "acc", "50.0", "75.0", *judged, "4"]
    assert row(text, "average")[4:8] == ["+0.0", "[-28.8, +25.5]", "1.00", "inconclusive"]
    assert "average: inconclusive. The truth may lie anywhere from -28.8 to +25.5 points" in text
    worst = "worst: a -25.0 [-56.1, +16.1], allowing for its being the worst of 2; p = 0.50"
    assert worst in text
    task = "task accuracy (sums, 4 held-out problems): 25.0 -> 100.0 (+75.0 [-1.6, +100.0])"
    assert " ".join(text.split()).count(task) == 1
    assert "cut at the length limit: 50.0 % -> 25.0 %" in " ".join(text.split())


@pytest.mark.parametrize("width", [80, 100])
def test_a_narrow_terminal_has_every_name_and_number(
    bench: Any, tmp_path: Path, width: int
) -> None:
    items = {"required_items": 10042}
    scores = {"benchmark": [1, 0] * 600, "to_come": [0, 1] * 600}
    bench.model("base", scores, benchmark=items)
    bench.model("c", {"benchmark": [0, 1] * 600, "to_come": None}, benchmark=items)
    console = Console(file=StringIO(), width=width)
    console.print(render(collect(bench.record(list(scores)), tmp_path)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert max(map(len, text.splitlines())) <= width
    expected = ["50.0", "50.0", "+0.0", "[-5.7, +5.7]", "1.00", "inconclusive", "1,200 of 10,042"]
    assert row(text.replace("│", " │ "), "benchmark") == ["benchmark", *expected]
    assert row(text.replace("│", " │ "), "to_come")[-1] == "not evaluated"


def test_steps_before_the_last_have_a_line_each(full: SweepRecord, tmp_path: Path) -> None:
    text = screen(full, tmp_path, every=False)
    lines, table = text.split("step-000200 against tiny")
    assert "step-000100 against tiny" not in text
    found = row(lines, "step-000100")
    assert found[:3] == ["step-000100", "100.0", "+0.0"]
    assert found[4:] == ["a -25.0", "-", "-"]
    assert row(lines, "step-000200")[1] == "25.0"
    assert "│ average" in table


def test_a_step_that_is_not_whole_says_so(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0], "b": [1, 0]}, 0)
    bench.model("step-000100", {"a": [0, 0], "b": None}, 100)
    bench.model("step-000200", {"a": [0, 0], "b": [1, 0]}, 200)
    text = screen(bench.record(["a", "b"]), tmp_path, every=False)
    assert row(text, "step-000100")[2:4] == ["1 of 2 benchmarks", ""]


def test_the_reader_is_told_what_the_verdicts_are_held_to(
    full: SweepRecord, tmp_path: Path
) -> None:
    terms = Terms(margin=0.005, level=0.9, alpha=0.01, over="checkpoints")
    console = Console(file=StringIO(), width=120)
    console.print(render(collect(full, tmp_path, terms)))
    text = " ".join(console.file.getvalue().split())  # type: ignore[attr-defined]
    assert "90 % confidence interval" in text
    assert "improved: p < 0.01" in text
    assert "number of benchmarks of all checkpoints (Holm)" in text
    assert "the margin (0.50 points)" in text


def test_the_reader_is_told_what_the_numbers_mean(full: SweepRecord, tmp_path: Path) -> None:
    text = " ".join(screen(full, tmp_path).split())
    assert "negative = forgotten" in text
    assert "95 % confidence interval" in text
    assert "forgot, improved: p < 0.05" in text
    assert "the margin (1.0 points)" in text


def test_what_is_missing_is_shown_and_not_averaged(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0], "b": [1, 0]})
    bench.model("c", {"a": [0, 0], "b": None})
    text = screen(bench.record(["a", "b"]), tmp_path)
    assert "not evaluated" in row(text, "b")
    assert "│ average" not in text
    assert "average of those that are evaluated: inconclusive" in text


def test_one_item_shows_no_error(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1]})
    bench.model("c", {"a": [0]})
    text = screen(bench.record(["a"]), tmp_path)
    judged = ["-100.0", "-", "-", "inconclusive"]
    assert row(text, "a") == ["a", "acc", "100.0", "0.0", *judged, "1"]


def test_names_are_not_markup(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    bench.model("out[red]x", {"a": [0, 0]})
    assert "out[red]x against tiny" in screen(bench.record(["a"]), tmp_path)


def test_no_checkpoint_yet(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"a": [1, 0]})
    assert "There is no checkpoint yet." in screen(bench.record(["a"]), tmp_path)


def test_only_a_change_that_is_sure_has_a_colour(bench: Any, tmp_path: Path) -> None:
    bench.model("base", {"sure": [1] * 20, "unsure": [1] * 20, "won": [0] * 20})
    bench.model("c", {"sure": [0] * 10 + [1] * 10, "unsure": [0] + [1] * 19, "won": [1] * 20})
    console = Console(
        file=StringIO(), width=120, force_terminal=True, color_system="standard", no_color=False
    )
    console.print(render(collect(bench.record(["sure", "unsure", "won"]), tmp_path)))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert re.search(r"\x1b\[1;31m *-50\.0 *\x1b", text)
    assert re.search(r"\x1b\[32m *\+100\.0 *\x1b", text)
    assert re.search(r"\x1b\[2m *-5\.0\x1b", text)
