"""How many items it takes to show a drop, and how small a drop so many items can show.

psi is the discordance, the share of items that change: lost and gained ones together. All numbers
are shares, not points of 100.
"""

from __future__ import annotations

from math import ceil, sqrt

__all__ = [
    "equivalence_sample_size",
    "minimal_detectable_effect",
    "sample_size",
    "unpaired_sample_size",
]


def sample_size(psi: float, delta: float, alpha: float = 0.05, power: float = 0.8) -> int:
    """Return how many items McNemar's test needs.

    n = (z_{1-alpha/2} sqrt(psi) + z_{power} sqrt(psi - delta^2))^2 / delta^2 (Connett, Smith and
    McHugh 1987).

    Args:
        psi: Discordance, in (0, 1].
        delta: The drop to be found; its sign does not matter.
        alpha: Two-sided level.
        power: Probability to find it.

    Raises:
        ValueError: There is no such discordance with such a drop, no such level or power.
    """
    if not 0 < abs(delta) <= psi <= 1:
        raise ValueError(f"need 0 < |delta| <= psi <= 1, not delta {delta}, psi {psi}")
    spread = _z(1 - alpha / 2) * sqrt(psi) + _z(power) * sqrt(psi - delta * delta)
    return ceil((spread / delta) ** 2)


def unpaired_sample_size(
    accuracy: float, delta: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many items each model needs if the two answer different ones.

    n = 2 p (1 - p) (z_{1-alpha/2} + z_{power})^2 / delta^2: what pairing saves is the ratio.

    Args:
        accuracy: Of both, p.
        delta: The drop to be found.
        alpha: Two-sided level.
        power: Probability to find it.

    Raises:
        ValueError: There is no such accuracy, drop, level or power.
    """
    if not (0 < accuracy < 1 and 0 < abs(delta) <= 1):
        raise ValueError(
            f"need an accuracy in (0, 1) and a drop up to 1 that is not 0, not {accuracy}, {delta}"
        )
    return ceil(2 * accuracy * (1 - accuracy) * ((_z(1 - alpha / 2) + _z(power)) / delta) ** 2)


def equivalence_sample_size(
    psi: float, margin: float, alpha: float = 0.05, power: float = 0.8
) -> int:
    """Return how many items it takes to show that nothing beyond a margin was lost or gained.

    n = psi (z_{1-alpha} + z_{1-beta/2})^2 / margin^2, two one-sided tests at a true difference
    of 0, with beta = 1 - power.

    Args:
        psi: Discordance.
        margin: The largest difference that does not matter.
        alpha: Level of each one-sided test.
        power: Probability to show it.

    Raises:
        ValueError: There is no such discordance, margin, level or power.
    """
    if not (0 < psi <= 1 and margin > 0):
        raise ValueError(f"need psi in (0, 1] and a margin above 0, not {psi}, {margin}")
    return ceil(psi * ((_z(1 - alpha) + _z((1 + power) / 2)) / margin) ** 2)


def minimal_detectable_effect(stderr: float, alpha: float = 0.05, power: float = 0.8) -> float:
    """Return the smallest true drop that is found with this power.

    (z_{1-alpha/2} + z_{power}) SE, with the standard error of a difference whose truth is near 0:
    sqrt(psi / n) for n items right or wrong.

    Args:
        stderr: The standard error.
        alpha: Two-sided level; alpha / 10 at the first of Holm's steps over ten benchmarks.
        power: Probability to find it.

    Raises:
        ValueError: The error is negative, or there is no such level or power.
    """
    if not stderr >= 0:
        raise ValueError(f"a standard error cannot be {stderr}")
    return (_z(1 - alpha / 2) + _z(power)) * stderr


def _z(share: float) -> float:
    from scipy import special

    if not 0 < share < 1:
        raise ValueError(f"level and power must lie in (0, 1): there is no quantile of {share}")
    return float(special.ndtri(share))
