"""Runs beside each other."""

from __future__ import annotations

import json
import math
from io import StringIO
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from forget.evaluation.record import SweepRecord
from forget.report.comparison import Outcome, comparison_as_plain, render_comparison
from forget.verdict.findings import collect


@pytest.fixture
def outcomes(full: SweepRecord, tmp_path: Path) -> list[Outcome]:
    """One run with a measured distance from the base, one without."""
    last = full.checkpoints[-1]
    far = attrs.evolve(last, name="step-000200 wise 0.50", drift={"kl_to_base": 0.12345})
    measured = attrs.evolve(full, checkpoints=(far,))
    plain = attrs.evolve(full, checkpoints=(last,))
    values = [{"l2_to_base": 3000, "lora_rank": rank} for rank in (0, 8)]
    return [
        Outcome("r", "f", collect(record, tmp_path), value)
        for value, record in zip(values, (measured, plain), strict=True)
    ]


def test_the_distance_stands_beside_what_was_forgotten(outcomes: list[Outcome]) -> None:
    assert [line["kl_to_base"] for line in comparison_as_plain(outcomes)] == [0.12345, None]


@pytest.mark.parametrize("width", [100, 140])
def test_values_and_numbers_are_whole_in_a_narrow_terminal(
    outcomes: list[Outcome], width: int
) -> None:
    console = Console(file=StringIO(), width=width)
    console.print(render_comparison(outcomes))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    cells = {cell.strip() for line in text.splitlines() for cell in line.split("│")}
    assert "0.50" in text
    assert {"3000", "8", "step-000200", "0.12", "-", "+0.0"} <= cells
    assert all(len(line) <= width for line in text.splitlines())


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        (["s / m / d / spin / seed 0", "s / m / d / pi / seed 0"], {"run", "spin", "pi"}),
        (
            ["s / m / d / spin / seed 0", "s / m / d / pi / seed 1"],
            {"run", "spin / seed 0", "pi / seed 1"},
        ),
        (["s / m / d / spin / seed 0", "out/a"], {"run", "s / m / d / spin / seed 0", "out/a"}),
        (
            ["s / m / d / pi / seed 0 / out/0", "s / m / d / pi / seed 0 / out/1"],
            {"run", "out/0", "out/1"},
        ),
    ],
)
def test_runs_are_named_by_what_tells_them_apart(
    outcomes: list[Outcome], names: list[str], shown: set[str]
) -> None:
    console = Console(file=StringIO(), width=140)
    runs = [Outcome(name, f"out/{n}", outcomes[0].findings) for n, name in enumerate(names)]
    console.print(render_comparison(runs))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    first = {
        line.split(mark)[1].strip() for line in text.splitlines() for mark in "│┃" if mark in line
    }
    assert first == shown


def test_a_run_without_checkpoints_has_no_line(full: SweepRecord, tmp_path: Path) -> None:
    none = Outcome("r", "f", collect(attrs.evolve(full, checkpoints=()), tmp_path))
    assert comparison_as_plain([none]) == []


def test_an_infinite_setting_is_text_in_json(outcomes: list[Outcome]) -> None:
    outcome = outcomes[0]._replace(values={"beta": math.inf, "lr": 0.5})
    [line] = comparison_as_plain([outcome])
    assert line["values"] == {"beta": "inf", "lr": 0.5}
    json.dumps(line, allow_nan=False)
