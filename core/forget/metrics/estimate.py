"""A number that is known up to an error, and what follows: intervals, bounds, equivalence."""

from __future__ import annotations

from math import inf, isinf
from typing import NamedTuple

__all__ = ["Estimate", "Interval", "checked_level", "equivalence_p"]


class Interval(NamedTuple):
    """Two ends, both included."""

    low: float
    high: float


def checked_level(level: float) -> float:
    """Return a confidence level.

    Raises:
        ValueError: It does not lie in (0, 1).
    """
    if not 0 < level < 1:
        raise ValueError(f"a confidence level must lie in (0, 1), not {level}")
    return level


class Estimate(NamedTuple):
    """A centre with an error that is normal, or Student's with so many degrees of freedom.

    Attributes:
        centre: Middle of its intervals.
        spread: Standard error that they are made of.
        degrees: Degrees of freedom; infinite for the normal distribution.
        limit: The largest difference there can be; intervals end there.
    """

    centre: float
    spread: float
    degrees: float
    limit: float = inf

    def interval(self, level: float = 0.95) -> Interval:
        """Return the two-sided confidence interval.

        Args:
            level: Its confidence, in (0, 1).

        Raises:
            ValueError: The level does not lie in (0, 1).
        """
        return self.within(self.quantile((1 + checked_level(level)) / 2))

    def within(self, factor: float) -> Interval:
        """Return the interval of so many standard errors each way."""
        low, high = self.centre - factor * self.spread, self.centre + factor * self.spread
        return Interval(max(low, -self.limit), min(high, self.limit))

    def lower_bound(self, level: float = 0.95) -> float:
        """Return the one-sided lower confidence bound: non-inferiority, if it is above -margin.

        Args:
            level: Its confidence, in (0, 1).

        Raises:
            ValueError: The level does not lie in (0, 1).
        """
        return self.centre - self.quantile(checked_level(level)) * self.spread

    def quantile(self, share: float) -> float:
        """Return a quantile of the standard normal or Student's distribution."""
        from scipy import special

        if isinf(self.degrees):
            return float(special.ndtri(share))
        return float(special.stdtrit(self.degrees, share))

    def p_two_sided(self) -> float:
        """Return the p-value of the t- or z-test that the truth is 0; 1 without any spread at 0."""
        return min(1.0, 2 * self._upper(abs(self.centre)))

    def _upper(self, distance: float) -> float:
        """Return the chance of an estimate this far above the truth."""
        from scipy import special

        if not self.spread:
            return 0.0 if distance > 0 else 1.0 if distance < 0 else 0.5
        z = distance / self.spread
        return float(special.ndtr(-z) if isinf(self.degrees) else special.stdtr(self.degrees, -z))


def equivalence_p(estimate: Estimate, margin: float) -> float:
    """Return the p-value of equivalence: two one-sided tests of |truth| >= margin.

    It is below alpha exactly if the interval of confidence 1 - 2 alpha lies inside (-margin,
    margin) (Schuirmann 1987).

    Args:
        estimate: The difference.
        margin: The smallest difference that matters, above 0.

    Raises:
        ValueError: The margin is not positive.
    """
    if not margin > 0:
        raise ValueError(f"a margin must be above 0, not {margin}")
    below, above = estimate.centre + margin, margin - estimate.centre
    return max(estimate._upper(below), estimate._upper(above))
