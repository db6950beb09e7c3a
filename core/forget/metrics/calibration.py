"""Whether a model's choices are right as often as it is confident of them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, exp, inf

__all__ = ["BINS", "calibration_error", "confidence"]

BINS = 15
"""Bins of equal width, as in Guo et al. 2017 (arXiv:1706.04599)."""


def confidence(log_likelihoods: Sequence[float], lengths: Sequence[float]) -> float:
    """Return the probability of the likeliest choice, where choices exclude each other.

    It is the softmax over the log-likelihoods that choices would have if all were as long as they
    are on average. So the likeliest is the one that a metric normalised by length takes for the
    answer, and choices of one length keep the probabilities that the model gives to them; a softmax
    of nats per character would make every model of long texts unsure, whatever it knows.

    Args:
        log_likelihoods: The log-likelihood of each choice [nats].
        lengths: Their lengths, in any unit: ones for a metric that does not look at it; a choice of
            no length is never the answer.
    """
    mean = sum(lengths) / len(lengths)
    ranks = [
        value / length * mean if length else -inf
        for value, length in zip(log_likelihoods, lengths, strict=True)
    ]
    best = max(ranks)
    return 1.0 / sum(exp(rank - best) for rank in ranks)


def calibration_error(
    confidences: Sequence[float], correct: Sequence[float], bins: int = BINS
) -> float:
    """Return the expected calibration error (ECE): the mean gap of confidence and accuracy.

    Of Guo et al. 2017 (arXiv:1706.04599, equation 3): answers are put into bins of equal width by
    their confidence, the m-th being ((m - 1) / bins, m / bins]; the gap of mean confidence and
    accuracy in a bin counts by the number of its answers. Few answers leave a gap by chance, so
    compare it on the same number of items.

    Args:
        confidences: The probability that each answer has, in [0, 1].
        correct: 1 for a right answer, 0 for a wrong one.
        bins: Number of bins.

    Raises:
        ValueError: The two differ in length or are empty, or a confidence is no probability.
    """
    if len(confidences) != len(correct) or not confidences:
        raise ValueError(
            f"need two equally long, non-empty samples: {len(confidences)}, {len(correct)}"
        )
    gaps = [0.0] * bins
    for sure, right in zip(confidences, correct, strict=True):
        if not 0.0 <= sure <= 1.0:
            raise ValueError(f"{sure} is no probability")
        gaps[max(ceil(sure * bins) - 1, 0)] += sure - right
    return sum(map(abs, gaps)) / len(confidences)
