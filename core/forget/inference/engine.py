"""The seam between evaluation and whatever runs the model: what an engine is asked and answers.

Evaluation hands an engine the whole list of requests, takes a plan of batches for them, and has
the batches answered one by one, keeping each before the next. A plan depends on the requests
alone, so a resumed evaluation, a shard and every checkpoint of a sweep meet the same batches.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import attrs

from forget.completion import Sampling

__all__ = ["Batch", "Complete", "Engine", "Generate", "Request", "RunningModel", "Score"]


@attrs.frozen
class Score:
    """Log-likelihood of `continuation` after `context`; answered by ``[log p, is greedy]``."""

    context: str
    continuation: str


@attrs.frozen
class Generate:
    """lm-eval's ``generate_until`` with its options; answered by the text."""

    prompt: str
    options: Mapping[str, Any]


@attrs.frozen
class Complete:
    """One completion of a rendered prompt; answered by ``{text, finished, tokens}``."""

    prompt: str
    sampling: Sampling


Request = Score | Generate | Complete
Batch = tuple[int, ...]
"""Indices of requests that are answered together."""


class RunningModel(Protocol):
    """A model in memory."""

    def answer(self, requests: Sequence[Request]) -> list[Any]:
        """Answer one batch, in order, each by a value that JSON can hold.

        Raises:
            WorkError: The model gave something that is no answer (NaN).
        """
        ...


class Engine(Protocol):
    """Something that runs models."""

    name: str

    def fingerprint(self) -> Mapping[str, str]:
        """Return all that may change a score besides weights and requests; no heavy import."""
        ...

    def plan(self, requests: Sequence[Request]) -> list[Batch]:
        """Split requests into batches: a pure function of the requests."""
        ...

    def load(self, folder: Path) -> RunningModel:
        """Load a model folder, dropping the one loaded before.

        Raises:
            ModelError: The folder cannot be loaded.
        """
        ...
