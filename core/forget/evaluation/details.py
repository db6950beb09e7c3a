"""What an exam says of a model besides its score, from the same answers."""

from __future__ import annotations

from collections.abc import Sequence

from forget.evaluation.harness import ScoredDocument
from forget.metrics.calibration import calibration_error
from forget.metrics.diversity import distinct_2

__all__ = ["choice_details", "text_details"]


def choice_details(documents: Sequence[ScoredDocument]) -> dict[str, float]:
    """Return how well a model knows which of its choices are right.

    Args:
        documents: The documents of a benchmark, all its tasks together.

    Returns:
        ``calibration_error``; nothing where a document was not answered by one choice.
    """
    choices = [document.choice for document in documents if document.choice is not None]
    if not choices or len(choices) < len(documents):
        return {}
    confidences, correct = zip(*choices, strict=True)
    return {"calibration_error": calibration_error(confidences, correct)}


def text_details(texts: Sequence[str], tokens: Sequence[int] | None) -> dict[str, float]:
    """Return how long and how varied a model's texts are.

    Args:
        texts: What it wrote.
        tokens: The length of each [tokens]; None where nobody counted.

    Returns:
        ``response_tokens`` (mean) and ``distinct_2``, each where it is known.
    """
    found = {}
    if tokens:
        found["response_tokens"] = sum(tokens) / len(tokens)
    diversity = distinct_2(texts)
    if diversity is not None:
        found["distinct_2"] = diversity
    return found
