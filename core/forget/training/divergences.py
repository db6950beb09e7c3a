"""How far a student is from what it is to become: divergences, exact or estimated.

`Divergence` names a direction by the target q and the student p,

    forward   KL(q || p)                         covers what the target does
    reverse   KL(p || q)                         drops what the target does not do
    jsd       KL(q || m) / 2 + KL(p || m) / 2    with m = (p + q) / 2; bounded by log 2

(Agarwal et al. 2024, arXiv:2306.13649, section 2.) Letters in names of tensors: B sequences, C
tokens of their completions, V tokens of the vocabulary.
"""

from __future__ import annotations

import math
from typing import Any, Literal

__all__ = ["Divergence", "over_samples", "over_vocabulary"]

Divergence = Literal["forward", "reverse", "jsd"]

_LOG_2 = math.log(2)


def over_vocabulary(target_BCV: Any, student_BCV: Any, divergence: Divergence) -> Any:
    """Return the divergence of each token's distribution, summed over the vocabulary [nats].

    Args:
        target_BCV: Log-probabilities of the target.
        student_BCV: Log-probabilities of the student.
        divergence: Which.

    Returns:
        Numbers of at least 0, [B, C].
    """
    import torch

    def kl(one: Any, other: Any) -> Any:
        return (one.exp() * (one - other)).sum(-1)

    if divergence == "forward":
        return kl(target_BCV, student_BCV)
    if divergence == "reverse":
        return kl(student_BCV, target_BCV)
    middle_BCV = torch.logaddexp(target_BCV, student_BCV) - _LOG_2
    return (kl(target_BCV, middle_BCV) + kl(student_BCV, middle_BCV)) / 2


def over_samples(target_B: Any, log_student_B: Any, divergence: Divergence) -> Any:
    """Return what each draw from a third policy adds to the estimate of a divergence [nats].

    The mean over draws estimates the divergence without bias if the densities are right: for draws
    y of the policy pi, the target's density ratio ``u = q(y) / pi(y)`` and the student's
    ``rho = p(y) / pi(y)``,

        forward   u log(u / rho) - u + rho
        reverse   rho log(rho / u) - rho + u
        jsd       (u log(u / m) + rho log(rho / m)) / 2      with m = (u + rho) / 2

    ``rho - u`` has mean 0. It keeps each summand at 0 or more, and takes out of the gradient at
    ``rho = 1`` what is zero on average alone: there that of `reverse` is ``-log u * grad log p``.

    Args:
        target_B: The target's density ratios u, above 0 for `reverse`.
        log_student_B: Logarithms of the student's, ``log rho``.
        divergence: Which.

    Returns:
        Numbers of at least 0, [B].
    """
    import torch

    rho_B = log_student_B.exp()
    if divergence == "forward":
        return torch.xlogy(target_B, target_B) - target_B * log_student_B - target_B + rho_B
    if divergence == "reverse":
        return rho_B * (log_student_B - target_B.log()) - rho_B + target_B
    log_middle_B = ((target_B + rho_B) / 2).log()
    of_target = torch.xlogy(target_B, target_B) - target_B * log_middle_B
    return (of_target + rho_B * (log_student_B - log_middle_B)) / 2
