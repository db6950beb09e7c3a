from __future__ import annotations

import copy
from typing import Any

import pytest

from forget.report.page.charts import charts
from forget.report.page.marks import Series
from forget.report.page.verdicts import VERDICTS

ROW = {
    "label": "MMLU", "title": "MMLU", "run": "r", "checkpoint": "step-000100", "step": 100,
    "last": True, "delta": -1.5, "low": -2.0, "high": -1.0, "band_low": -2.5, "band_high": -0.5,
    "task_delta": 8.0, "task_low": 6.0, "task_high": 10.0, "joined": True, "absent": None,
    "verdict": "forgot", "variant": "gt-sft", "dataset": "gsm8k", "panel": "gsm8k",
    "entry": "gt-sft", "offset": 0, "kl_to_base": 0.4, "forgotten": 1.5, "value": 0.7,
}  # fmt: skip
FIT = [{"kl": 0.1, "forgotten": 0.2, "low": 0.0, "high": 0.4}, {"kl": 0.5, "forgotten": 1.0}]
ALL = charts(0.01, Series(["gt-sft", "grpo"], ["gsm8k"]))


def parts(spec: dict[str, Any]) -> list[dict[str, Any]]:
    return list(spec.get("spec", spec).get("layer", [spec]))


@pytest.mark.slow  # the first call starts a JavaScript engine
@pytest.mark.parametrize("name", sorted(ALL))
def test_vega_lite_understands_it(name: str) -> None:
    import vl_convert

    spec = copy.deepcopy(ALL[name])
    spec["datasets"] = {"rows": [ROW, ROW | {"delta": None, "absent": True}], "fit": FIT}
    if spec.get("width") == "container":
        spec["width"] = 600
    drawn = vl_convert.vegalite_to_svg(spec)
    assert drawn.count("<path") > 3
    assert "var(--" in drawn


@pytest.mark.parametrize("name", ["forest", "trajectories", "methods"])
def test_a_verdict_is_a_shape_as_well_as_a_colour(name: str) -> None:
    [judged] = [part["encoding"] for part in parts(ALL[name]) if "shape" in part["encoding"]]
    shapes = judged["shape"]["scale"]
    assert shapes["domain"] == judged["color"]["scale"]["domain"] == list(VERDICTS)[:-1]
    assert len(set(shapes["range"])) == len(shapes["range"])


def test_colours_stand_for_the_same_in_every_chart() -> None:
    colours = [
        part["encoding"]["color"]
        for name in ("frontier", "razor", "training")
        for part in parts(ALL[name])
        if "color" in part["encoding"]
    ]
    assert len(colours) == 6
    assert all(colour == colours[0] for colour in colours)
    assert colours[0]["scale"]["domain"] == ["gt-sft", "grpo"]


def test_the_margin_is_shaded_in_points() -> None:
    band = parts(ALL["forest"])[0]["encoding"]
    assert (band["x"], band["x2"]) == ({"datum": -1.0}, {"datum": 0})
