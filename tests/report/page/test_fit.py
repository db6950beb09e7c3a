from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest

from forget.report.page.fit import fit_for_page


def razor(r2: float | None = 0.714, held_out: float | None = -0.2, **more: Any) -> Any:
    """Make what `fit_razor` returns, with numbers chosen by hand."""

    def curve(count: int, level: float) -> pd.DataFrame:
        assert level == 0.95
        places = pd.Series(range(count)) / count
        return pd.DataFrame(
            {"kl_to_base": places, "forgetting": places / 100, "low": 0.0, "high": 0.02}
        )

    step = SimpleNamespace(predictor="step", fit=SimpleNamespace(r2=0.5), held_out_r2=None)
    kl = SimpleNamespace(predictor="kl_to_base", fit=SimpleNamespace(r2=r2), held_out_r2=held_out)
    return SimpleNamespace(kl=kl, others=(step,), settings=("a / b",), curve=curve, **more)


def test_the_curve_is_in_points() -> None:
    found = fit_for_page(razor(), 0.95)
    assert found is not None
    assert found["curve"][30] == {"kl": 0.5, "forgotten": 0.5, "low": 0.0, "high": 2.0}


def test_what_is_said_of_it() -> None:
    found = fit_for_page(razor(), 0.95)
    assert found is not None
    assert found["words"] == (
        "A parabola of KL explains 71 % of the variance (R² 0.71). Fitted without a method and "
        "asked about it, its R² is -0.20, where 0 is no better than the mean. R² of the same curve "
        "of other things: optimiser step (0.50)."
    )


@pytest.mark.parametrize(("r2", "held_out"), [(None, None), (float("nan"), None)])
def test_nothing_to_explain(r2: float | None, held_out: float | None) -> None:
    found = fit_for_page(razor(r2, held_out), 0.95)
    assert found is not None
    assert found["words"] == "All forgot alike, so there is nothing to explain."


def test_one_method_has_no_other_to_be_told_by() -> None:
    found = fit_for_page(razor(held_out=None), 0.95)
    assert found is not None
    assert "Fitted without" not in found["words"]


def test_several_settings_are_said() -> None:
    made = razor()
    made.settings = ("a / b", "a / c")
    found = fit_for_page(made, 0.95)
    assert found is not None
    assert found["words"].endswith("whose KLs are on other prompts.")


def test_no_fit() -> None:
    assert fit_for_page(None, 0.95) is None
