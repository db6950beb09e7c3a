"""The arithmetic of divergences against full softmaxes, sums over all texts, and by hand."""

from __future__ import annotations

import itertools
import math
from typing import Any

import pytest
import torch

from forget.training.drift.divergence import Estimate, TokenKl, per_sequence, per_token


def in_blocks(base_TV: Any, model_TV: Any, size: int) -> TokenKl:
    kl = TokenKl()
    for start in range(0, base_TV.shape[1], size):
        kl.add(base_TV[:, start : start + size], model_TV[:, start : start + size])
    return kl


def drawn(*shape: int, seed: int = 0) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("size", [1, 7, 50, 64])
@pytest.mark.parametrize("shift", [0.0, 700.0])
def test_both_directions_are_those_of_full_softmaxes(size: int, shift: float) -> None:
    """The shift is more than exp can take: only differences of logits may count."""
    base_TV, model_TV = drawn(5, 50), drawn(5, 50, seed=1) * 3 + shift
    kl = in_blocks(base_TV, model_TV, size)
    p_TV, q_TV = base_TV.log_softmax(-1), model_TV.log_softmax(-1)
    # float64 with numbers of up to 700: a digit of 1e-13 is the last one there is
    close = {"rtol": 0, "atol": 1e-11}
    torch.testing.assert_close(kl.forward(), (p_TV.exp() * (p_TV - q_TV)).sum(-1), **close)
    torch.testing.assert_close(kl.reverse(), (q_TV.exp() * (q_TV - p_TV)).sum(-1), **close)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_equal_logits_diverge_by_nothing_at_all(dtype: Any) -> None:
    logits_TV = (drawn(4, 33) * 10).to(dtype)
    kl = in_blocks(logits_TV, logits_TV.clone(), 8)
    assert kl.forward().tolist() == kl.reverse().tolist() == [0.0] * 4


def test_what_cannot_come_adds_nothing_and_what_the_model_excludes_is_infinite() -> None:
    base_TV = torch.tensor([[0.0, 0.0, -math.inf]])
    kl = in_blocks(base_TV, torch.tensor([[0.0, 0.0, -math.inf]]), 2 + 1)
    assert (kl.forward().item(), kl.reverse().item()) == (0.0, 0.0)
    kl = in_blocks(base_TV, torch.tensor([[0.0, -math.inf, -math.inf]]), 3)
    assert (kl.forward().item(), kl.reverse().item()) == (math.inf, pytest.approx(math.log(2)))
    kl = in_blocks(base_TV, torch.tensor([[0.0, 0.0, 0.0]]), 3)
    assert kl.forward().item() == pytest.approx(math.log(1.5))
    assert kl.reverse().item() == math.inf


def test_the_estimate_of_a_completions_kl_is_right_in_expectation() -> None:
    """Chain rule, summed over every text there is: up to two tokens, of which 0 ends it.

    KL of whole texts is sum_y p(y) log p(y)/q(y); the estimator of a text y is the sum of exact
    divergences after each of its beginnings, and its expectation under p must be the same number.
    """
    tokens = 4
    first = {name: drawn(tokens, seed=seed).log_softmax(-1) for name, seed in (("p", 2), ("q", 3))}
    second = {
        name: (drawn(tokens, tokens, seed=seed) * 2).log_softmax(-1)
        for name, seed in (("p", 4), ("q", 5))
    }
    texts = [(0,), *itertools.product(range(1, tokens), range(tokens))]

    def log_probability(name: str, text: tuple[int, ...]) -> float:
        total = first[name][text[0]]
        return float(total if len(text) == 1 else total + second[name][text[0], text[1]])

    def estimate(text: tuple[int, ...]) -> float:
        before = [(name, [first[name], *(second[name][t] for t in text[:-1])]) for name in "pq"]
        (_, base), (_, model) = before
        return float(in_blocks(torch.stack(base), torch.stack(model), 3).forward().sum())

    shares = [math.exp(log_probability("p", text)) for text in texts]
    assert math.fsum(shares) == pytest.approx(1, abs=1e-12)
    exact = math.fsum(
        share * (log_probability("p", text) - log_probability("q", text))
        for share, text in zip(shares, texts, strict=True)
    )
    mean = math.fsum(share * estimate(text) for share, text in zip(shares, texts, strict=True))
    assert mean == pytest.approx(exact, abs=1e-12)
    assert exact > 0.5


def test_estimates_by_hand() -> None:
    """Sums 1, 2, 6 over 1, 2, 3 tokens.

    Whole completions: mean 3, squares of the residuals 4 + 1 + 9, error sqrt(14 / 2 / 3). Tokens:
    ratio 9 / 6, residuals -0.5, -1, 1.5, error sqrt(3.5 / 2 / 3) over the mean length of 2.
    """
    assert per_sequence([1, 2, 6]) == pytest.approx((3, math.sqrt(14 / 6)))
    assert per_token([1, 2, 6], [1, 2, 3]) == pytest.approx((1.5, math.sqrt(3.5 / 6) / 2))


def test_completions_of_one_length_have_one_relative_error() -> None:
    whole, token = per_sequence([1, 2, 6]), per_token([1, 2, 6], [5, 5, 5])
    assert token == pytest.approx([value / 5 for value in whole])  # type: ignore[operator]


def test_one_prompt_has_no_error() -> None:
    assert per_sequence([2.0]) == Estimate(2.0, None)
    assert per_token([2.0], [4]) == Estimate(0.5, None)
