"""Improved policies, estimated on the completions of one question: weights that sum to 1.

The target of policy-improvement distillation is a policy better than the one that wrote,

    reward   pi+(y|x) = pi(y|x) exp(r(x, y) / beta) / Z(x)      (reward-tilted, Gibbs policy)
    filter   its limit for beta -> 0: pi restricted to the best completions
    bon      the best of n draws: density n F(r)^(n-1) pi

and on K draws from pi itself each is a weight per draw (self-normalised importance sampling): the
E-step of Abdolmaleki et al. 2018 (MPO, arXiv:1806.06920, section 4.1) with its temperature from a
bound on the divergence; rejection sampling (Yuan et al. 2023, arXiv:2308.01825); best-of-n
(Amini et al. 2024, arXiv:2407.06057, equation 2).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

__all__ = ["Operator", "best_of", "divergence", "filtered", "fitted_beta", "tilted"]

Operator = Callable[[Sequence[float]], list[float]]

_NARROWEST, _WIDEST = 1e-4, 1e4
"""Temperatures between which one is looked for."""


def tilted(rewards: Sequence[float], beta: float) -> list[float]:
    """Return ``w_i = exp(r_i / beta) / sum_j exp(r_j / beta)``.

    Any baseline cancels. ``beta = inf`` gives ``1 / K``, ``beta = 0`` is `filtered`.

    Args:
        rewards: One for each completion of a question.
        beta: Temperature, in the unit of the reward.
    """
    if beta == 0:
        return filtered(rewards)
    best = max(rewards)
    raw = [math.exp((reward - best) / beta) for reward in rewards]
    total = math.fsum(raw)
    return [weight / total for weight in raw]


def filtered(rewards: Sequence[float]) -> list[float]:
    """Return equal weights for the completions of the highest reward, 0 for the others."""
    best = max(rewards)
    count = sum(reward == best for reward in rewards)
    return [1 / count if reward == best else 0.0 for reward in rewards]


def best_of(rewards: Sequence[float], n: int) -> list[float]:
    """Return the probability that each completion is the best of `n` draws from them.

    Draws are with replacement; completions of equal reward share theirs. With two rewards, of which
    a share ``p`` is the higher, that share's weight is ``1 - (1 - p)^n``.
    """
    total = len(rewards)
    weights = []
    for reward in rewards:
        below = sum(other < reward for other in rewards) / total
        equal = sum(other == reward for other in rewards)
        weights.append(((below + equal / total) ** n - below**n) / equal)
    return weights


def divergence(weights: Sequence[float]) -> float:
    """Return KL(pi+ || pi) as estimated on the completions: ``sum_i w_i log(K w_i)`` [nats]."""
    total = len(weights)
    return math.fsum(w * math.log(total * w) for w in weights if w > 0)


def fitted_beta(groups: Sequence[Sequence[float]], budget: float) -> float:
    """Return the temperature at which the mean divergence over questions is `budget` [nats].

    Args:
        groups: The rewards of each question's completions.
        budget: Mean KL(pi+ || pi). One beyond what the limit of `filtered` reaches gives 0.
    """
    from scipy.optimize import brentq

    def excess(log_beta: float) -> float:
        beta = math.exp(log_beta)
        return math.fsum(divergence(tilted(g, beta)) for g in groups) / len(groups) - budget

    low, high = math.log(_NARROWEST), math.log(_WIDEST)
    if excess(low) <= 0:
        return 0.0
    if excess(high) >= 0:
        return math.inf
    return math.exp(brentq(excess, low, high, xtol=1e-10))
