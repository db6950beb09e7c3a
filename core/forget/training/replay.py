"""General examples mixed into every optimiser step: replay (Ibrahim et al. 2024, arXiv:2403.08763).

The rows are prepared beside a run's own and sealed like them; `plan` says which come when.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from random import Random
from typing import Any

import attrs

from forget.completion import Message
from forget.dataset import DataAccess, Dataset
from forget.errors import DataError
from forget.method import PrepareTask
from forget.store.manifest import read_manifest, verify
from forget.training.examples import Conversation, write_examples
from forget.training.plan import make_schedule

__all__ = ["ReplaySource", "is_file", "read_conversations", "write_replay"]

_SUFFIXES = (".parquet", ".jsonl")
_ROLES = ("system", "user", "assistant")


@attrs.frozen
class ReplaySource:
    """Where replayed examples come from: a dataset, or a file of conversations.

    Attributes:
        name: As the setting ``replay_from`` has it.
        dataset: The dataset of that name; None if it is a file.
    """

    name: str
    dataset: Dataset | None = None

    def conversations(self, data: DataAccess) -> list[Conversation]:
        """Return all examples, in a stable order.

        Raises:
            DataError: They cannot be read, or there are none.
        """
        if self.dataset is None:
            return read_conversations(Path(self.name))
        dataset = self.dataset
        found = [
            Conversation(example.id, dataset.prompt(example), example.solution)
            for example in dataset.load("train", data)
            if example.solution
        ]
        if not found:
            raise DataError(
                f"replay_from={self.name}: no example of this dataset has a solution to learn. "
                "Choose another one."
            )
        return found


def is_file(name: str) -> bool:
    """Say whether a ``replay_from`` means a file, by its ending."""
    return name.endswith(_SUFFIXES)


def read_conversations(path: Path) -> list[Conversation]:
    """Read a parquet or JSONL file whose rows have ``messages``, or ``prompt`` and ``completion``.

    Raises:
        DataError: There is no such file, it cannot be read, or a row is of another form.
    """
    rows = _rows(path)
    if not rows:
        raise DataError(f"replay_from={path}: the file has no row.")
    found = []
    for number, row in enumerate(rows):
        turns = _turns(row)
        if turns is None:
            raise DataError(
                f"replay_from={path}: row {number} (from 0) is no conversation. A row has "
                "messages, a list of role and content that ends with the assistant's, or prompt "
                "and completion, each a text or such a list."
            )
        *prompt, answer = turns
        found.append(Conversation(f"{number:06d}", prompt, answer["content"]))
    return found


def write_replay(task: PrepareTask, source: ReplaySource, own: Path) -> None:
    """Write the replayed examples of a run, unless they are there already.

    As many are drawn by the seed as the training has places for; those longer than ``max_length``
    are dropped, and the others come more than once where there are too few.

    Args:
        task: The task of the method, with the folder to fill.
        source: Where they come from.
        own: Folder of the run's own examples.

    Raises:
        DataError: The source cannot be read, or nothing of it is short enough.
        SettingsError: The batch has no place for replayed examples, or for others.
        StorageError: The disk is full.
    """
    if verify(task.output) is not None:
        return
    manifest = read_manifest(own)
    assert manifest is not None  # it was prepared just before
    schedule = make_schedule(task.settings, manifest.details["rows"])
    places = schedule.steps * schedule.replayed
    rows = source.conversations(task.data)
    if len(rows) > places:
        draw = Random(f"{task.seed}/replay")  # noqa: S311 - a sample, not a secret
        rows = [rows[index] for index in sorted(draw.sample(range(len(rows)), places))]
    settings = attrs.evolve(task.settings, max_train_examples=None)
    dataset: Any = _Named(source.name)
    write_examples(
        attrs.evolve(task, settings=settings, dataset=dataset), rows, {"replay": source.name}
    )


@attrs.frozen
class _Named:
    """What `write_examples` needs of a dataset: what to call it."""

    name: str


def _rows(path: Path) -> list[Any]:
    if not path.is_file():
        raise DataError(
            f"replay_from={path}: there is no such file. Give a parquet or JSONL file, or the name "
            "of a dataset (`forget list datasets`)."
        )
    try:
        if path.suffix == ".jsonl":
            lines = path.read_text(encoding="utf-8").splitlines()
            return [json.loads(line) for line in lines if line.strip()]
        from pyarrow import parquet

        return list(parquet.read_table(path).to_pylist())
    except (OSError, ValueError) as error:  # pyarrow's errors are ValueErrors
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"replay_from={path}: the file cannot be read: {reason}.") from error


def _turns(row: Any) -> list[Message] | None:
    """Return prompt and answer as messages; None if a row is no conversation."""
    if not isinstance(row, Mapping):
        return None
    if row.get("messages") is not None:
        turns = _messages(row["messages"], "user")
    else:
        prompt, answer = row.get("prompt"), row.get("completion")
        turns = [*_messages(prompt, "user"), *_messages(answer, "assistant")]
    sound = all(
        isinstance(turn, Mapping)
        and turn.get("role") in _ROLES
        and isinstance(turn.get("content"), str)
        for turn in turns
    )
    if not sound or len(turns) < 2 or turns[-1]["role"] != "assistant":
        return None
    answered = turns[-1]["content"].strip()
    return [{"role": t["role"], "content": t["content"]} for t in turns] if answered else None


def _messages(value: Any, role: str) -> list[Any]:
    if isinstance(value, str):
        return [{"role": role, "content": value}]
    return value if isinstance(value, list) else [None]
