from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from forget.verdict.razor import KL, Prediction, Razor, fit_razor
from verdict.frames import frame, row

METHODS = ("gt-sft", "grpo", "spin")


def truth(kl: Any) -> Any:
    return 0.002 + 0.03 * kl + 0.01 * kl**2


def runs(noise: float = 0.002, offset: float = 0.0, seed: int = 0) -> list[dict[str, Any]]:
    """Simulate three methods that forget by their KL alone, the last of them by `offset` more."""
    generator = np.random.default_rng(seed)
    rows = []
    for method, farthest in zip(METHODS, (1.5, 0.5, 1.0), strict=True):
        for index, kl in enumerate(np.linspace(0.02, farthest, 12)):
            lost = truth(kl) + offset * (method == "spin") + generator.normal(0, noise)
            known = {
                "kl_to_base": kl,
                "reverse_kl_to_base": kl * generator.uniform(0.5, 1.5),
                "unchanged_weights": generator.uniform(0.1, 0.9),
                "relative_change": generator.uniform(1e-4, 1e-3),
            }
            rows.append(row("average", method, 100 * (index + 1), -lost, **known))
            rows.append(row("task", method, 100 * (index + 1), 0.1, **known))
    return rows


def fitted(rows: list[dict[str, Any]]) -> Razor:
    razor = fit_razor(frame(rows))
    assert razor is not None
    return razor


def other(razor: Razor, predictor: str) -> Prediction:
    return next(found for found in razor.others if found.predictor == predictor)


def test_the_truth_is_found() -> None:
    razor = fitted(runs(noise=0))
    assert razor.kl.fit.coefficients == pytest.approx((0.002, 0.03, 0.01))
    assert razor.kl.fit.r2 == pytest.approx(1)
    assert razor.kl.held_out_r2 == pytest.approx(1)
    assert [held.method for held in razor.kl.held_out] == list(METHODS)
    assert max(held.error for held in razor.kl.held_out) < 1e-9


def test_what_does_not_predict_explains_little() -> None:
    razor = fitted(runs())
    assert razor.kl.predictor == KL
    assert [found.predictor for found in razor.others] == [
        "reverse_kl_to_base",
        "changed_weights",
        "relative_change",
        "step",
    ]
    assert razor.kl.fit.r2 is not None
    assert razor.kl.fit.r2 > 0.95
    for found in razor.others:
        assert found.fit.r2 is not None
        assert found.fit.r2 < razor.kl.fit.r2
    weights = other(razor, "relative_change")
    assert weights.fit.adjusted_r2 is not None
    assert weights.fit.adjusted_r2 < 0.3
    assert weights.held_out_r2 is not None
    assert weights.held_out_r2 < 0.1


def test_against_numpys_polyfit() -> None:
    table = frame(runs())
    average = table[table["kind"] == "average"]
    expected = np.polyfit(average[KL], -average["delta"], 2)[::-1]
    assert fitted(runs()).kl.fit.coefficients == pytest.approx(expected)


def test_a_method_that_forgets_more_than_its_distance_tells() -> None:
    """The other two agree with each other, but the curve of all misses it by what it loses more."""
    razor = fitted(runs(noise=0.0005, offset=0.05))
    found = {held.method: held for held in razor.kl.held_out}
    assert found["spin"].bias == pytest.approx(0.05, abs=0.005)
    assert found["spin"].error == pytest.approx(0.05, abs=0.005)
    assert found["spin"].points == 12
    assert found["gt-sft"].bias < 0
    assert razor.kl.held_out_r2 is not None
    assert razor.kl.fit.r2 is not None
    assert razor.kl.held_out_r2 < razor.kl.fit.r2


def test_points_are_checkpoints_with_names_and_numbers() -> None:
    razor = fitted(runs())
    assert len(razor.points) == 36
    first = razor.points.iloc[0]
    assert (first["method"], first["checkpoint"], first["step"]) == ("gt-sft", "step-000100", 100)
    table = frame(runs())
    assert first["forgetting"] == -table["delta"][0]
    assert first["changed_weights"] == 1 - table["unchanged_weights"][0]
    assert first["stderr"] == 0.01
    assert razor.settings == ("tiny / sums",)


def test_the_curve_and_its_band() -> None:
    razor = fitted(runs())
    curve = razor.curve(50)
    assert list(curve.columns) == [KL, "forgetting", "low", "high"]
    assert (curve[KL].iloc[0], curve[KL].iloc[-1]) == pytest.approx((0.02, 1.5))
    assert ((curve["low"] < curve["forgetting"]) & (curve["forgetting"] < curve["high"])).all()
    assert curve["forgetting"].to_numpy() == pytest.approx(truth(curve[KL]).to_numpy(), abs=0.002)
    wide, narrow = razor.curve(5, level=0.99), razor.curve(5, level=0.5)
    assert (wide["high"] > narrow["high"]).all()


# --- what is not known


@pytest.mark.parametrize("missing", [np.nan, np.inf])
def test_checkpoints_without_a_finite_kl_are_left_out(missing: float) -> None:
    rows = [*runs(), row("average", "merged", 1200, -0.5, kl_to_base=missing)]
    assert len(fitted(rows).points) == 36


def test_checkpoints_without_an_average_are_left_out() -> None:
    rows = [*runs(), row("average", "grpo", 1300, np.nan, kl_to_base=0.5)]
    assert len(fitted(rows).points) == 36


def test_checkpoints_that_lack_a_benchmark_are_left_out() -> None:
    """Their average is of other questions."""
    lacking = row("benchmark", "grpo", 1200, np.nan, benchmark="mmlu", verdict="missing")
    found = fitted([*runs(), lacking])
    assert len(found.points) == 35
    assert "step-001200" not in found.points.query("method == 'grpo'")["checkpoint"].tolist()


def test_averages_of_different_benchmarks_are_told_apart() -> None:
    scored = [row("benchmark", "grpo", 100 * step, 0.0, benchmark="mmlu") for step in range(1, 13)]
    other = [row("benchmark", "spin", 100, 0.0, benchmark=name) for name in ("mmlu", "piqa")]
    found = fitted([made for made in runs() if made["method"] == "grpo"] + scored)
    assert found.settings == ("tiny / sums",)
    found = fitted([made for made in runs() if made["method"] != "gt-sft"] + scored + other[:1])
    assert "tiny / sums on 1 benchmarks" in found.settings
    found = fitted([*runs(), *scored, *other])
    assert "tiny / sums on 2 benchmarks" in found.settings


def test_models_without_a_step() -> None:
    rows = [*runs(), row("average", "grpo", None, -0.01, kl_to_base=0.3)]
    razor = fitted(rows)
    assert (len(razor.points), razor.kl.fit.points) == (37, 37)
    assert other(razor, "step").fit.points == 36


def test_too_few_points() -> None:
    assert fit_razor(frame([])) is None
    assert fit_razor(frame(runs()[:6])) is None  # three of them are averages
    assert fit_razor(frame(runs()[:8])) is not None


def test_a_kl_that_never_differs() -> None:
    rows = [row("average", "gt-sft", step, -0.01 * step, kl_to_base=0.1) for step in range(1, 9)]
    assert fit_razor(frame(rows)) is None


def test_one_method_cannot_be_left_out() -> None:
    razor = fitted([made for made in runs() if made["method"] == "gt-sft"])
    assert (razor.kl.held_out_r2, razor.kl.held_out) == (None, ())


def test_a_predictor_that_nobody_measured() -> None:
    rows = [{**made, "unchanged_weights": np.nan} for made in runs()]
    assert "changed_weights" not in [found.predictor for found in fitted(rows).others]


def test_bases_and_datasets_are_told_apart() -> None:
    rows = [*runs(), *({**made, "dataset": "words"} for made in runs(seed=1))]
    assert fitted(rows).settings == ("tiny / sums", "tiny / words")
