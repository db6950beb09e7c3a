"""The preference loss at its reference, against the definition of SPIN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from forget.method import TrainTask
from forget.training.preference import Pair, fit_pairs
from forget.training.supervised import Row
from training.conftest import assert_gradients, base_of, one_step, token_log_probs
from training.test_supervised import curve

PAIRS = [
    Pair([5, 6, 7], [8, 9, 2], [10, 2]),
    Pair([5, 6], [11, 2], [12, 13, 14, 15, 2]),
    Pair([20, 21, 22, 23], [24, 2], [24, 25]),
    Pair([7], [30, 31, 32], [33]),
]


def log_prob(model: Any, prompt: Any, completion: Any) -> Any:
    labels = [*[-100] * len(prompt), *completion]
    return token_log_probs(model, Row([*prompt, *completion], labels)).sum()


@pytest.mark.slow
@pytest.mark.parametrize(("micro", "beta"), [(4, 0.1), (1, 5.0)])
def test_the_gradient_at_the_start_of_an_iteration(
    train_task: Callable[..., TrainTask], gradients: dict[str, Any], micro: int, beta: float
) -> None:
    """-beta / 2 (grad log p(gold) - grad log p(own)), averaged: both log-ratios are 0 there.

    (Chen et al. 2024, arXiv:2401.01335, equation 4.7: the derivative of log(1 + exp(-t)) at 0 is
    -1/2, and t is beta times the difference of the log-ratios.)
    """
    task = train_task(
        batch_size=4, micro_batch_size=micro, max_steps=1, log_every=1, max_grad_norm=0.0
    )
    fit_pairs(one_step(task, len(PAIRS)), PAIRS, 0, lambda steps: None, beta)

    model = base_of(task)
    gaps = [
        log_prob(model, pair.prompt, pair.chosen) - log_prob(model, pair.prompt, pair.rejected)
        for pair in PAIRS
    ]
    (-0.5 * beta * sum(gaps) / len(PAIRS)).backward()
    assert_gradients(gradients, model)
    [point] = curve(task)
    assert point["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert point["margin"] == pytest.approx(0, abs=1e-4)
