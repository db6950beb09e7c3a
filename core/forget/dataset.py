"""The contract of a dataset: examples, how they are asked, and who grades the answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs

from forget.completion import Completion, Message

__all__ = ["DataAccess", "Dataset", "Example", "Source", "Verdict"]


@attrs.frozen(kw_only=True)
class Source:
    """Where the rows of a dataset or benchmark live.

    Attributes:
        hub: Dataset id on the Hugging Face Hub.
        config: Its configuration there, if it has several; of a tuple, the rows of each follow one
            another, with the configuration's name in an added column ``config``. A mirror has one
            file of all of them.
        mirror: Its folder in a data mirror.
        splits: Our split name to the Hub's split name; the mirror's file is ``<ours>.parquet``.
        revision: Commit of the Hub repository; None takes the newest.
        rows: How many rows each of our splits has where it is published; empty where nobody says.
        most_examples: How many examples at most are made of a split's rows, where not all are used.
    """

    hub: str
    mirror: str
    config: str | tuple[str, ...] | None = None
    splits: Mapping[str, str] = attrs.field(factory=lambda: {"train": "train", "test": "test"})
    revision: str | None = None
    rows: Mapping[str, int] = attrs.field(factory=dict)
    most_examples: Mapping[str, int] = attrs.field(factory=dict)


class DataAccess(Protocol):
    """What core hands to a dataset so that it can read its rows: a mirror or the Hub."""

    def rows(self, source: Source, split: str) -> Iterable[Mapping[str, Any]]:
        """Return the rows of one split in the Hub's own schema.

        Raises:
            DataError: The split is missing, or its file is corrupt.
        """
        ...


@attrs.frozen(kw_only=True)
class Example:
    """One problem of a dataset.

    Attributes:
        id: Stable name of the example, unique within its dataset.
        question: What is asked, without instructions on the format.
        solution: A worked solution as a model should write it; the target of GT-SFT.
        answer: The final answer that the verifier compares with; empty if the dataset has none.
        level: How difficult it is, in the dataset's own words (``Level 3``, ``4 steps``), by which
            pass rates are broken down; empty if nobody says.
    """

    id: str
    question: str
    solution: str
    answer: str
    level: str = ""


@attrs.frozen(kw_only=True)
class Verdict:
    """What a verifier says of one completion.

    Attributes:
        correct: The completion answers the example.
        extracted: The answer found in the completion; None if there was none.
        reason: Why, in a few words a person can act on.
        truncated: The completion was cut at its length limit.
    """

    correct: bool
    extracted: str | None
    reason: str
    truncated: bool


@runtime_checkable
class Dataset(Protocol):
    """A task to train on, with the verifier that grades it.

    Attributes:
        name: The name on the command line.
        title: The name in tables.
        summary: One line.
        max_new_tokens: Longest completion a model may write when it is graded [tokens].
    """

    name: str
    title: str
    summary: str
    max_new_tokens: int

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """Return the examples of ``train`` or ``test`` in a stable order."""
        ...

    def prompt(self, example: Example) -> list[Message]:
        """Return the chat messages that ask the example."""
        ...

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """Decide whether the completion answers the example; never raises on odd text."""
        ...
