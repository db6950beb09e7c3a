from __future__ import annotations

from typing import Any

import pytest

from forget.report.figures.cells import MISSING, Cell, by_place, cell, key
from forget.report.selection import named
from report.made_frames import frame, row


def shown(**values: Any) -> Cell:
    parts = {"run": "r", "path": "p", "variant": "x", "study": "s", "model": "m", "dataset": "d"}
    found = frame([row("mmlu", "benchmark", -0.02, 0.01, step=1) | parts | values])
    return cell(by_place(named(found), "who", "benchmark")["x", "mmlu"])


@pytest.mark.parametrize(
    ("values", "text", "colour", "strength"),
    [
        ({"p_holm": 0.0001}, "−2.0", "forgot", 0.85),
        ({"p_holm": 0.005}, "−2.0", "forgot", 0.55),
        ({"p_holm": 0.02, "delta": 0.02}, "+2.0", "improved", 0.3),
        ({"p_holm": 0.05, "verdict": "inconclusive"}, "−2.0", "", 0.0),
        ({"p_holm": 0.9, "verdict": "kept"}, "−2.0 ✓", "kept", 0.25),
        ({"p_holm": None, "p": 0.0001}, "−2.0", "forgot", 0.85),
        ({"p_holm": None, "p": None, "verdict": "inconclusive"}, "−2.0", "", 0.0),
        ({"p_holm": 0.9, "verdict": "inconclusive", "items": 5}, "−2.0*", "", 0.0),
    ],
)
def test_the_colour_is_the_evidence(
    values: dict[str, Any], text: str, colour: str, strength: float
) -> None:
    assert shown(**values) == Cell(text, colour, strength)


def test_a_large_delta_without_evidence_has_no_colour() -> None:
    assert shown(delta=-0.3, p_holm=0.2, verdict="inconclusive").strength == 0


def test_what_was_not_evaluated_is_missing() -> None:
    assert shown(delta=None) == MISSING
    assert cell(None) == MISSING


def test_the_key_pairs_losses_and_gains() -> None:
    wide, columns = key(few=False, narrow=False)
    assert list(wide)[:2] == ["− p < 0.001", "+ p < 0.001"]
    assert columns == 5
    narrow, columns = key(few=True, narrow=True)
    assert list(narrow)[:2] == ["− p < 0.001", "− p < 0.01"]
    assert len(narrow) == 10
    assert columns == 2
