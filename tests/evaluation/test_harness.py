from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CORE10 = {
    "arc_challenge": {"arc_challenge": 5},
    "arc_easy": {"arc_easy": 5},
    "hellaswag": {"hellaswag": 5},
    "winogrande": {"winogrande": 9},
    "piqa": {"piqa": 6},
    "boolq": {"boolq": 4},
    "openbookqa": {"openbookqa": 6},
    "truthfulqa_mc2": {"truthfulqa_mc2": 3},
    "mmlu": {"mmlu_anatomy": 2, "mmlu_astronomy": 3, "mmlu_virology": 3},
    "ifeval": {"ifeval": 4},
}
MINI = {
    "mini_arc_challenge": {"mini_arc_challenge": 5},
    "mini_arc_easy": {"mini_arc_easy": 5},
    "mini_hellaswag": {"mini_hellaswag": 5},
    "mini_winogrande": {"mini_winogrande": 8},
    "mini_piqa": {"mini_piqa": 6},
    "mini_boolq": {"mini_boolq": 6},
    "mini_openbookqa": {"mini_openbookqa": 6},
    "mini_truthfulqa": {"mini_truthfulqa": 6},
    "mini_mmlu": {
        "mini_mmlu_biology": 2,
        "mini_mmlu_geography": 3,
        "mini_mmlu_history": 2,
        "mini_mmlu_vocabulary": 3,
    },
    "mini_ifeval": {"mini_ifeval": 4},
}


@pytest.fixture(scope="module")
def core10(measure: Callable[..., Any], wide_model: Path, data_root: Path) -> Any:
    return measure(wide_model, CORE10, data_root)


@pytest.fixture(scope="module")
def mini(measure: Callable[..., Any], wide_model: Path) -> Any:
    return measure(wide_model, MINI, None)


@pytest.mark.parametrize("name", CORE10)
def test_core10_is_scored_as_lm_eval_scores_it(core10: Any, name: str) -> None:
    core10.check(name)


@pytest.mark.parametrize("name", MINI)
def test_mini_is_scored_as_lm_eval_scores_it(mini: Any, name: str) -> None:
    mini.check(name)
