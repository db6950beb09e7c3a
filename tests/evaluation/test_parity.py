"""Scores of real weights, equal to lm-eval's; `test_harness` has every benchmark on tiny ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.slow

CORE10 = {
    "arc_easy": {"arc_easy": 3},
    "winogrande": {"winogrande": 3},
    "piqa": {"piqa": 3},
    "boolq": {"boolq": 1},
    "truthfulqa_mc2": {"truthfulqa_mc2": 1},
    "mmlu": {"mmlu_anatomy": 1, "mmlu_astronomy": 1, "mmlu_virology": 2},
    "ifeval": {"ifeval": 3},
}
MINI = {
    "mini_hellaswag": {"mini_hellaswag": 3},
    "mini_mmlu": {
        "mini_mmlu_biology": 1,
        "mini_mmlu_geography": 1,
        "mini_mmlu_history": 1,
        "mini_mmlu_vocabulary": 2,
    },
}


@pytest.fixture(scope="module")
def core10(measure: Callable[..., Any], smollm2: Path, data_root: Path) -> Any:
    return measure(smollm2, CORE10, data_root)


@pytest.fixture(scope="module")
def mini(measure: Callable[..., Any], smollm2: Path) -> Any:
    return measure(smollm2, MINI, None)


@pytest.mark.parametrize("name", CORE10)
def test_core10_is_scored_as_lm_eval_scores_it(core10: Any, name: str) -> None:
    core10.check(name)


@pytest.mark.parametrize("name", MINI)
def test_mini_is_scored_as_lm_eval_scores_it(mini: Any, name: str) -> None:
    mini.check(name)


def test_texts_are_words(core10: Any) -> None:
    """Texts that are all empty, or all the same, would be equal on both sides too."""
    texts = [item.response[0] for item in core10.check("ifeval")]
    assert len(set(texts)) == len(texts)
    assert max(len(text.split()) for text in texts) > 5
