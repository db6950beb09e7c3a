"""How much written texts differ within themselves and from each other."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

__all__ = ["distinct_2"]


def distinct_2(texts: Iterable[str]) -> float | None:
    """Return the number of different bigrams of words in all texts over that of all bigrams.

    Of Li et al. 2016 (arXiv:1510.03055, section 5.2), where it is divided by words and not by
    bigrams; words are what stands between spaces. More text repeats more by itself: compare it at
    about the same length.

    Returns:
        A number in (0, 1]; None if no text has two words.
    """
    different: set[tuple[str, str]] = set()
    total = 0
    for text in texts:
        words = text.split()
        total += max(len(words) - 1, 0)
        different.update(pairwise(words))
    return len(different) / total if total else None
