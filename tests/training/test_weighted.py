"""The weighted loss against autograd on the bare model: every normaliser, every cut of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from forget.method import TrainTask
from forget.training.supervised import Row, fit_rows
from forget.training.weighted import Normalizer, batch_scales
from training.conftest import assert_gradients, base_of, one_step, token_log_probs
from training.test_supervised import curve

Make = Callable[..., TrainTask]

ROWS = [
    Row([5, 6, 7, 8], [-100, -100, 7, 8], 0.5),
    Row([5, 9, 3, 4, 11, 12, 13], [-100, -100, 3, 4, 11, 12, 13], 2.0),
    Row([20, 21, 22], [-100, -100, 22], 0.0),
    Row([8, 7, 6, 5, 4], [-100, 7, -100, 5, 4], 1.25),  # a token in the middle is masked
    Row([30, 31, 32, 33], [-100] * 4, 3.0),  # nothing is left of it
    Row([40, 2, 40, 2], [-100, 2, 40, 2], 1.0),
]

DIVISORS: dict[Normalizer, float] = {
    "tokens": sum(row.weight * row.tokens for row in ROWS),
    "sequences": sum(row.weight for row in ROWS),
    "unweighted": sum(row.tokens for row in ROWS),
}


@pytest.mark.slow
@pytest.mark.parametrize("normalizer", DIVISORS)
@pytest.mark.parametrize("micro", [1, 2, 6])
def test_loss_and_gradients_are_those_of_the_definition(
    train_task: Make, gradients: dict[str, Any], normalizer: Normalizer, micro: int
) -> None:
    task = train_task(
        batch_size=6, micro_batch_size=micro, max_steps=1, log_every=1, max_grad_norm=0.0
    )
    fit_rows(one_step(task, len(ROWS)), ROWS, 0, lambda steps: None, normalizer)

    model = base_of(task)
    loss = -sum(row.weight * token_log_probs(model, row).sum() for row in ROWS)
    loss = loss / DIVISORS[normalizer]
    loss.backward()
    assert curve(task)[0]["loss"] == pytest.approx(loss.item(), rel=1e-5)
    assert_gradients(gradients, model)


def test_each_batch_is_divided_by_its_own_sum() -> None:
    weights, tokens = [1.0, 3.0, 0.0, 0.0, 2.0], [2, 4, 5, 0, 8]
    scales = {name: batch_scales(weights, tokens, 2, name) for name in DIVISORS}
    assert scales["tokens"] == [1 / 14, 3 / 14, 0, 0, 2 / 16]
    assert scales["sequences"] == [1 / 4, 3 / 4, 0, 0, 1]
    assert scales["unweighted"] == [1 / 6, 3 / 6, 0, 0, 2 / 8]


def test_a_batch_in_which_nothing_counts_is_not_divided_by_zero() -> None:
    for name in DIVISORS:
        assert batch_scales([0.0, 0.0], [0, 0], 2, name) == [0, 0]
