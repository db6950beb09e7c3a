"""Items that changed, with what guessing would change taken off."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Flips", "flips"]


class Flips(NamedTuple):
    """Item-wise forgetting, and its opposite.

    Attributes:
        forgetting: Share of the items right before and wrong after, beyond what guessing explains.
        backward_transfer: Share of the items wrong before and right after, beyond it.
    """

    forgetting: float
    backward_transfer: float


def flips(lost: int, gained: int, items: int, base_score: float, chance: float) -> Flips:
    """Return chance-adjusted forgetting and backward transfer.

    Harmon et al. 2025 (arXiv:2510.17776): F = max(0, lost / n - (1 - a0)(1 - a1) / (k - 1)), and
    the same of the gained items; 1 / (k - 1) is chance / (1 - chance). A model that knows an item
    or guesses among k choices is right by luck in (1 - a0) / (k - 1) of the items, of which a share
    of 1 - a1 is wrong after, if what is known after has nothing to do with it. Two models that
    know the same items guess at the same ones: of those flips this takes off only a part.

    Args:
        lost: Items right before and wrong after.
        gained: Items wrong before and right after.
        items: All items.
        base_score: Accuracy before, a0; the one after follows.
        chance: Accuracy of guessing, 1 / k; 0 where nothing can be guessed.

    Raises:
        ValueError: Chance is not in [0, 1), or more items changed than there are.
    """
    if not 0 <= chance < 1:
        raise ValueError(f"chance must lie in [0, 1), not {chance}")
    if items < 1 or min(lost, gained) < 0 or lost + gained > items:
        raise ValueError(f"{lost} lost and {gained} gained are not counts among {items} items")
    score = base_score + (gained - lost) / items
    guessed = (1 - base_score) * (1 - score) * chance / (1 - chance)
    return Flips(max(0.0, lost / items - guessed), max(0.0, gained / items - guessed))
