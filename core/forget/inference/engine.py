"""The seam between evaluation and whatever runs the model: what an engine is asked and answers.

Evaluation hands an engine the whole list of requests and gets them back as work: tokenised once and
planned into batches. Every model then answers the batches one by one, each kept before the next. A
plan depends on requests and tokenizer alone, so a resumed evaluation, a shard and every checkpoint
of a sweep meet the same batches.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

import attrs

from forget.completion import Sampling

__all__ = [
    "Batch",
    "Complete",
    "Engine",
    "Generate",
    "Request",
    "RunningModel",
    "Score",
    "Work",
]


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


@attrs.frozen
class Batch:
    """Requests that are answered together.

    Attributes:
        requests: Indices of the requests.
        cost: What it costs, in the engine's own unit; comparable within one engine and kind.
        kind: ``score`` or ``generate``.
    """

    requests: tuple[int, ...]
    cost: float
    kind: str


@attrs.frozen(kw_only=True)
class Work:
    """Requests made ready to be answered by any model with the same tokenizer.

    Attributes:
        requests: The requests.
        batches: Which of them are answered together; every index once.
        ready: What the engine made of each request.
        facts: What a reader of the results should know: how many requests were cut, say.
    """

    requests: Sequence[Request]
    batches: Sequence[Batch]
    ready: Sequence[Any]
    facts: Mapping[str, int] = attrs.field(factory=dict)

    @cached_property
    def digest(self) -> str:
        """The name of requests and batches: answers to others are not answers to these."""
        total = hashlib.sha256()
        for request in self.requests:
            total.update(repr((type(request).__name__, attrs.astuple(request))).encode())
        for batch in self.batches:
            total.update(repr(batch.requests).encode())
        return total.hexdigest()[:16]


class RunningModel(Protocol):
    """A model in memory."""

    def answer(self, work: Work, batch: Batch) -> list[Any]:
        """Answer one batch, in the order of its requests, each by a value that JSON can hold.

        Raises:
            WorkError: The model gave something that is no answer (NaN), or the memory does not
                suffice for a single request.
        """
        ...


class Engine(Protocol):
    """Something that runs models."""

    name: str

    def fingerprint(self) -> Mapping[str, str]:
        """Return all that may change a score besides weights and requests; no heavy import."""
        ...

    def prepare(self, requests: Sequence[Request], folder: Path) -> Work:
        """Tokenise and plan: a pure function of the requests and the folder's tokenizer.

        Raises:
            DataError: A request cannot be answered by any model.
        """
        ...

    def load(self, folder: Path) -> RunningModel:
        """Load a model folder, dropping the one loaded before.

        Raises:
            ModelError: The folder cannot be loaded.
        """
        ...

    def release(self) -> None:
        """Give the memory of the loaded model back."""
        ...

    def reshaped(self) -> Engine:
        """Return the same engine with batches of another size, to tell its noise by."""
        ...
