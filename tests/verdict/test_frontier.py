from __future__ import annotations

from math import nan, sqrt
from typing import Any

import numpy as np
import pandas as pd
import pytest

from forget.verdict.frontier import frontier
from verdict.frames import frame, row


def pair(
    method: str, step: int | None, gain: float, average: float, error: float = 0.01, **changes: Any
) -> list[dict[str, Any]]:
    """Return a checkpoint's change on its task and on average, with Wald intervals."""
    reach = 1.96 * error
    return [
        row(kind, method, step, delta, stderr=error, low=delta - reach, high=delta + reach)
        | changes
        for kind, delta in (("task", gain), ("average", average))
    ]


def lines(*pairs: list[dict[str, Any]]) -> pd.DataFrame:
    return frontier(frame([made for pair in pairs for made in pair]))


def test_forgetting_per_point_gained() -> None:
    (found,) = lines(pair("gt-sft", 100, 0.2, -0.05)).to_dict("records")
    assert (found["gain"], found["average"]) == (0.2, -0.05)
    assert found["forgetting_per_point"] == pytest.approx(0.25)
    # About se(ratio) = sqrt(.01^2 + .25^2 * .01^2) / .2, a little more on the far side.
    error = sqrt(0.01**2 + (0.25 * 0.01) ** 2) / 0.2
    low, high = found["forgetting_per_point_low"], found["forgetting_per_point_high"]
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=0.02)
    assert 0.25 - low < high - 0.25
    assert (found["method"], found["checkpoint"], found["step"]) == ("gt-sft", "step-000100", 100)


def test_what_forgot_nothing_paid_less_than_nothing() -> None:
    (found,) = lines(pair("grpo", 100, 0.2, 0.02)).to_dict("records")
    assert found["forgetting_per_point"] == pytest.approx(-0.1)


@pytest.mark.parametrize("gain", [-0.1, 0.0, 0.019])
def test_no_ratio_where_no_gain_is_established(gain: float) -> None:
    (found,) = lines(pair("grpo", 100, gain, -0.05)).to_dict("records")
    ratio = [value for name, value in found.items() if name.startswith("forgetting_per_point")]
    assert len(ratio) == 3
    assert all(np.isnan(ratio))
    assert found["best"]


def test_a_gain_without_an_interval_is_not_established() -> None:
    (found,) = lines(pair("grpo", 100, 0.2, -0.05, low=nan)).to_dict("records")
    assert np.isnan(found["forgetting_per_point"])


@pytest.mark.parametrize(("kind", "value"), [("average", nan), ("task", nan), ("task", 0.15)])
def test_a_ratio_whose_error_is_not_known(kind: str, value: float) -> None:
    """Or whose gain another kind of interval found to be above 0, and its error does not."""
    made = pair("grpo", 100, 0.2, -0.05)
    made = [line | ({"stderr": value} if line["kind"] == kind else {}) for line in made]
    (found,) = lines(made).to_dict("records")
    assert found["forgetting_per_point"] == pytest.approx(0.25)
    assert np.isnan(found["forgetting_per_point_low"])
    assert np.isnan(found["forgetting_per_point_high"])


def test_the_interval_covers_the_true_ratio() -> None:
    generator = np.random.default_rng(0)
    gain, lost, error = 0.05, 0.03, 0.01
    made = [
        pair("m", step, generator.normal(gain, error), generator.normal(-lost, error))
        for step in range(2000)
    ]
    found = lines(*made).dropna(subset=["forgetting_per_point_low"])
    assert len(found) > 1900
    inside = found["forgetting_per_point_low"].le(0.6) & found["forgetting_per_point_high"].ge(0.6)
    assert 0.94 <= inside.mean() <= 0.965


# --- who pays least


def test_who_is_beaten_is_not_best() -> None:
    found = lines(
        pair("most gained", 100, 0.3, -0.10),
        pair("least lost", 100, 0.1, -0.01),
        pair("between", 100, 0.2, -0.05),
        pair("beaten by between", 100, 0.15, -0.06),
        pair("as much for more", 100, 0.3, -0.11),
    )
    assert dict(zip(found["method"], found["best"], strict=True)) == {
        "most gained": True,
        "least lost": True,
        "between": True,
        "beaten by between": False,
        "as much for more": False,
    }


def test_equals_do_not_beat_each_other() -> None:
    assert lines(pair("a", 1, 0.1, -0.1), pair("b", 1, 0.1, -0.1))["best"].all()


def test_other_tasks_and_bases_are_apart() -> None:
    found = lines(
        pair("a", 1, 0.9, 0.0),
        pair("b", 1, 0.1, -0.1),
        pair("b", 1, 0.1, -0.1, dataset="words", path="runs/words"),
        pair("b", 1, 0.1, -0.1, model="large", path="runs/large"),
    )
    assert found["best"].tolist() == [True, False, True, True]


@pytest.mark.parametrize("seed", range(5))
def test_against_a_comparison_of_all_pairs(seed: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.integers(0, 6, (30, 2)) / 10
    found = lines(*(pair("m", step, *map(float, v)) for step, v in enumerate(values)))
    expected = [not any((w >= v).all() and (w > v).any() for w in values) for v in values]
    assert found["best"].tolist() == expected


# --- what is not known


def test_checkpoints_of_which_one_side_is_missing() -> None:
    found = lines(
        pair("a", 1, nan, -0.1),
        pair("b", 1, 0.1, nan),
        pair("c", 1, 0.1, -0.1)[:1],
        pair("d", 1, 0.1, -0.1)[1:],
        pair("e", 1, 0.1, -0.1),
    )
    assert found["method"].tolist() == ["e"]


def test_a_checkpoint_that_lacks_a_benchmark_has_no_average() -> None:
    lacking = row("benchmark", "a", 1, nan, benchmark="mmlu", verdict="missing")
    found = lines(pair("a", 1, 0.1, -0.1), [lacking], pair("b", 1, 0.1, -0.1))
    assert found["method"].tolist() == ["b"]


def test_averages_of_other_benchmarks_do_not_beat_each_other() -> None:
    scored = [row("benchmark", name, 1, 0.0, benchmark=name) for name in "ab"]
    found = lines(pair("a", 1, 0.9, 0.0), pair("b", 1, 0.1, -0.1), scored)
    assert found["averaged"].tolist() == ["a", "b"]
    assert found["best"].all()


def test_models_without_a_step_are_kept() -> None:
    found = lines(pair("a", None, 0.1, -0.1, seed=pd.NA))
    assert found["checkpoint"].tolist() == ["merged"]


def test_the_same_run_in_two_folders() -> None:
    found = lines(pair("a", 1, 0.1, -0.1), pair("a", 1, 0.2, -0.1, path="elsewhere"))
    assert found["gain"].tolist() == [0.1, 0.2]


def test_nothing_known_is_an_empty_table() -> None:
    found = frontier(frame([]))
    assert len(found) == 0
    assert {"forgetting_per_point", "best", "gain_low"} <= set(found.columns)
