"""The table of a sweep."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from forget.evaluation.record import SweepRecord
from forget.report.findings import collect
from forget.report.sweep import Outcome, render_sweep, sweep_as_plain


@pytest.fixture
def outcomes(full: SweepRecord, tmp_path: Path) -> list[Outcome]:
    """One run with a measured distance from the base, one without."""
    last = full.checkpoints[-1]
    far = attrs.evolve(last, name="step-000200 wise 0.50", drift={"kl_to_base": 0.12345})
    measured = attrs.evolve(full, checkpoints=(far,))
    plain = attrs.evolve(full, checkpoints=(last,))
    values = [{"l2_to_base": 3000, "lora_rank": rank} for rank in (0, 8)]
    return [
        Outcome("r", value, "f", collect(record, tmp_path))
        for value, record in zip(values, (measured, plain), strict=True)
    ]


def test_the_distance_stands_beside_what_was_forgotten(outcomes: list[Outcome]) -> None:
    assert [line["kl_to_base"] for line in sweep_as_plain(outcomes)] == [0.12345, None]


@pytest.mark.parametrize("width", [100, 140])
def test_values_and_numbers_are_whole_in_a_narrow_terminal(
    outcomes: list[Outcome], width: int
) -> None:
    console = Console(file=StringIO(), width=width)
    console.print(render_sweep(outcomes))
    text = console.file.getvalue()  # type: ignore[attr-defined]
    cells = {cell.strip() for line in text.splitlines() for cell in line.split("│")}
    assert "0.50" in text
    assert {"3000", "8", "step-000200", "0.12", "-", "+0.0"} <= cells
    assert all(len(line) <= width for line in text.splitlines())
