from __future__ import annotations

import math

import pandas as pd
import pytest

from forget.report.page.numbers import interval, known, p_value, points, signed


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (-0.0076, 1, "−0.8"),
        (-0.0076, 2, "−0.76"),
        (0.25, 1, "+25.0"),
        (0.0, 1, "0.0"),
        (-0.0004, 1, "0.0"),  # neither −0.0 nor +0.0
        (math.nan, 1, "–"),
        (math.inf, 1, "–"),
        (None, 1, "–"),
        (pd.NA, 1, "–"),
    ],
)
def test_signed(share: float, digits: int, text: str) -> None:
    assert signed(share, digits) == text


def test_points_and_intervals() -> None:
    assert points(0.54321) == "54.3"
    assert points(math.nan) == "–"
    assert interval(-0.012, 0.003) == "[−1.2, +0.3]"
    assert interval(math.nan, 0.003) == "–"


@pytest.mark.parametrize(
    ("p", "text"),
    [(1e-9, "< 0.001"), (0.00345, "0.0034"), (0.05, "0.05"), (0.456, "0.46"), (1.0, "1.00"),
     (math.nan, "–")],
)  # fmt: skip
def test_p_value(p: float, text: str) -> None:
    assert p_value(p) == text


def test_known() -> None:
    assert known(0)
    assert known(0.5)
    assert not any(map(known, (None, math.nan, pd.NA, "1", math.inf)))
