"""Divergences against scipy, and their estimates on draws against the exact values."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from scipy.special import rel_entr

from forget.training.divergences import Divergence, over_samples, over_vocabulary

DIVERGENCES: list[Divergence] = ["forward", "reverse", "jsd"]


def exact(target: Any, student: Any, divergence: Divergence) -> Any:
    """By scipy, over the last axis."""
    q, p = target.double().numpy(), student.double().numpy()
    if divergence == "forward":
        return rel_entr(q, p).sum(-1)
    if divergence == "reverse":
        return rel_entr(p, q).sum(-1)
    middle = (p + q) / 2
    return (rel_entr(q, middle) + rel_entr(p, middle)).sum(-1) / 2


def policies(*shape: int) -> tuple[Any, Any]:
    random = torch.Generator().manual_seed(7)
    logits = torch.randn((2, *shape), generator=random, dtype=torch.float64) * 3
    target, student = logits.log_softmax(-1)
    return target, student


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_over_the_vocabulary(divergence: Divergence) -> None:
    target, student = policies(2, 3, 11)
    found = over_vocabulary(target, student, divergence)
    assert found.shape == (2, 3)
    assert found.numpy() == pytest.approx(exact(target.exp(), student.exp(), divergence), rel=1e-9)
    assert over_vocabulary(target, target, divergence).abs().max() < 1e-12


def test_jsd_is_bounded() -> None:
    far = torch.tensor([[[0.0, -60.0]], [[-60.0, 0.0]]], dtype=torch.float64).log_softmax(-1)
    assert over_vocabulary(far[:1], far[1:], "jsd").item() == pytest.approx(math.log(2), rel=1e-9)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_mean_over_draws_is_the_divergence(divergence: Divergence) -> None:
    """On a policy of six actions: the expectation by enumeration, not by drawing."""
    target, student = policies(6)
    writer = policies(3, 6)[0][1]
    summands = over_samples((target - writer).exp(), student - writer, divergence)
    assert (summands >= 0).all()
    expected = exact(target.exp(), student.exp(), divergence)
    assert (writer.exp() * summands).sum().item() == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("divergence", DIVERGENCES)
def test_the_gradient_of_the_mean_is_that_of_the_divergence(divergence: Divergence) -> None:
    target, _ = policies(6)
    writer = policies(3, 6)[0][1]
    one = policies(6)[1].clone().requires_grad_()
    summands = over_samples((target - writer).exp(), one.log_softmax(-1) - writer, divergence)
    (writer.exp() * summands).sum().backward()
    two = one.detach().clone().requires_grad_()
    over_vocabulary(target, two.log_softmax(-1), divergence).backward()
    assert one.grad.numpy() == pytest.approx(two.grad.numpy(), abs=1e-12)


def test_reverse_at_who_wrote_is_a_policy_gradient() -> None:
    """With u = exp((r - b) / beta), a draw's gradient is -(r - b) / beta * grad log p."""
    rewards, baseline, beta = torch.tensor([1.0, 0.0, 0.5]), 0.4, 0.5
    log_rho = torch.zeros(3, requires_grad=True)
    over_samples(((rewards - baseline) / beta).exp(), log_rho, "reverse").sum().backward()
    assert log_rho.grad.numpy() == pytest.approx(-(rewards.numpy() - baseline) / beta, abs=1e-6)


def test_a_completion_that_the_target_excludes() -> None:
    """Its density is 0: forward and jsd are finite and push the student away from it."""
    for divergence in ("forward", "jsd"):
        log_rho = torch.zeros(1, requires_grad=True)
        summand = over_samples(torch.zeros(1), log_rho, divergence)
        summand.sum().backward()
        assert torch.isfinite(summand).all()
        assert log_rho.grad.item() > 0
