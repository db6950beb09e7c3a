from __future__ import annotations

import json
from typing import Any

import pytest
from rich.console import Console

from forget.report.razor import razor_as_plain, render_razor
from forget.verdict.razor import Razor, fit_razor
from verdict.frames import frame, row


def rows(*methods: str, dataset: str = "sums") -> list[dict[str, Any]]:
    """Return six checkpoints each, that lose .01 + .02 KL + .03 KL^2; the methods' KLs differ."""
    kls = [(index, method, 0.1 * step + 0.01 * index, step) for index, method in enumerate(methods)
           for step in range(1, 7)]  # fmt: skip
    return [
        row("average", method, step, -(0.01 + 0.02 * kl + 0.03 * kl**2), dataset=dataset)
        | {"kl_to_base": kl, "relative_change": 0.001 * ((7 * step + index) % 5)}
        for index, method, kl, step in kls
    ]


def fitted(made: list[dict[str, Any]]) -> Razor:
    razor = fit_razor(frame(made))
    assert razor is not None
    return razor


def shown(razor: Razor | None, width: int = 100) -> str:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(render_razor(razor))
    return capture.get()


def test_predictors_stand_beside_each_other() -> None:
    text = shown(fitted(rows("gt-sft", "grpo")))
    assert "what predicts forgetting: 12 checkpoints of 2 methods" in text
    (kl,) = (line for line in text.splitlines() if "KL from the base" in line)
    assert kl.replace("│", " ").split()[-4:] == ["12", "1.00", "1.00", "1.00"]
    assert "relative change of weights" in text
    assert "optimiser step" in text
    assert "KL to the base, reverse" not in text  # nobody measured it
    assert "forgetting = 1 +2 KL +3 KL² [points of 100" in text


def test_methods_that_were_left_out() -> None:
    made = rows("gt-sft", "grpo")
    for line in made[6:]:
        line["delta"] -= 0.05
    text = shown(fitted(made))
    (grpo,) = (line for line in text.splitlines() if "grpo" in line)
    assert grpo.replace("│", " ").split() == ["grpo", "6", "5.00", "+5.00"]
    assert "bias above 0: it forgets more than the others at its KL" in text


def test_one_method_alone() -> None:
    text = shown(fitted(rows("gt-sft")))
    assert "6 checkpoints of 1 method\n" in text
    assert "No method could be left out" in text
    assert "others' curve" not in text


def test_several_datasets_are_warned_of() -> None:
    text = " ".join(shown(fitted([*rows("grpo"), *rows("grpo", dataset="words")])).split())
    assert "several kinds (tiny / sums, tiny / words)" in text
    assert "several" not in shown(fitted(rows("grpo")))


def test_too_little_to_fit() -> None:
    assert "Nothing to fit: fewer than 4 checkpoints" in shown(None)
    assert razor_as_plain(None) is None


@pytest.mark.parametrize("width", [40, 60, 200])
def test_numbers_are_whole_on_terminals_of_any_width(width: int) -> None:
    text = shown(fitted(rows("gt-sft", "grpo")), width)
    assert "1.00" in text
    assert max(map(len, text.splitlines())) <= width


def test_as_json() -> None:
    razor = fitted([*rows("gt-sft", "grpo"), row("average", "pi", None, -0.02, kl_to_base=0.2)])
    plain = json.loads(json.dumps(razor_as_plain(razor), allow_nan=False))
    assert plain["settings"] == ["tiny / sums"]
    assert [fit["predictor"] for fit in plain["fits"]] == ["kl_to_base", "relative_change", "step"]
    kl = plain["fits"][0]
    assert (kl["points"], len(kl["coefficients"])) == (13, 3)
    assert kl["held_out"][0].keys() == {"method", "points", "error", "bias"}
    assert [held["method"] for held in kl["held_out"]] == ["gt-sft", "grpo", "pi"]
    first, last = plain["points"][0], plain["points"][-1]
    assert first == {
        "run": "demo / tiny / sums / gt-sft / seed 0",
        "method": "gt-sft",
        "checkpoint": "step-000001",
        "forgetting": pytest.approx(0.01 + 0.002 + 0.0003),
        "stderr": 0.01,
        "kl_to_base": 0.1,
        "reverse_kl_to_base": None,
        "changed_weights": None,
        "relative_change": 0.002,
        "step": 1.0,
    }
    assert (last["checkpoint"], last["step"], last["relative_change"]) == ("merged", None, None)
