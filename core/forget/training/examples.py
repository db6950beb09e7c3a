"""Prepared training data: conversations in parquet, with a manifest that makes them complete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import attrs

from forget.completion import Message
from forget.dataset import Example
from forget.errors import DataError
from forget.inference.loading import load_tokenizer
from forget.method import PrepareTask
from forget.store.atomic import staged_folder
from forget.store.manifest import seal, verify
from forget.training.checkpoints import full_disk_as_oserror
from forget.training.masking import Encoded, encode

__all__ = ["DATA_FILE", "Conversation", "Limit", "read_examples", "write_examples"]

DATA_FILE = "train.parquet"

_OF_THE_EXAMPLE = ("asked", "answer", "level")
"""Columns for the verifier; the dataset's solution is the completion."""


@attrs.frozen
class Conversation:
    """One training example: what is asked and what to answer.

    Attributes:
        id: Stable name, unique within the data.
        messages: The prompt, as chat messages.
        completion: The answer to learn, without special tokens.
        question: Id of the dataset's example it answers; its own id if that is the same.
        example: That example itself, where a verifier will need it.
        rejected: The answer that `completion` is preferred to, for methods that learn from pairs.
    """

    id: str
    messages: Sequence[Message]
    completion: str
    question: str = attrs.Factory(lambda self: self.id, takes_self=True)
    example: Example | None = None
    rejected: str | None = None


class Limit(NamedTuple):
    """Which examples are short enough.

    Attributes:
        fits: Tells it of one; asked of both answers of a pair.
        setting: The setting that limits them: ``max_length=2048``.
    """

    fits: Callable[[Encoded], bool]
    setting: str


def write_examples(
    task: PrepareTask,
    conversations: Iterable[Conversation],
    extra: Mapping[str, Any] | None = None,
    *,
    limit: Limit | None = None,
) -> None:
    """Write the training data of a run, unless it is there already.

    Examples longer than ``max_length`` tokens are dropped and counted, never cut: a cut example
    has no end of turn and teaches the model not to stop. Then ``max_train_examples`` draws a
    seeded sample, kept in the order of the source.

    Args:
        task: The task handed to `Method.prepare`.
        conversations: The examples, in a stable order; read only if there is work to do.
        extra: What else the manifest says of the data.
        limit: Which examples are short enough, if not those within ``max_length``.

    Raises:
        DataError: No example is left, or two have the same id.
        ModelError: The model's chat template cannot be used.
        StorageError: The disk is full.
    """
    if verify(task.output) is not None:
        return
    source = list(conversations)
    _check_ids(source, task.dataset.name)
    limit = limit or _within_max_length(task.settings.max_length)
    kept = _short_enough(task, source, limit.fits)
    lengths = dict(kept)
    chosen = _sample([index for index, _ in kept], task.settings.max_train_examples, task.seed)
    rows = [source[index] for index in chosen]
    if not rows:
        raise DataError(_nothing_left(task, len(source), limit))
    details = {
        "dataset": task.dataset.name,
        "rows": len(rows),
        "pairs": sum(row.rejected is not None for row in rows),
        "source_rows": len(source),
        "dropped_long": len(source) - len(kept),
        "max_length": task.settings.max_length,
        "seed": task.seed,
        "completion_tokens": _statistics([lengths[index] for index in chosen]),
        "digest": content_digest(rows),
        **(extra or {}),
    }
    with staged_folder(task.output) as staging, full_disk_as_oserror():
        _write_parquet(staging / DATA_FILE, rows)
        seal(staging, "data", details)


def read_examples(folder: Path) -> list[Conversation]:
    """Read what `write_examples` wrote.

    Raises:
        DataError: The folder is incomplete or was changed.
    """
    manifest = verify(folder)
    if manifest is None or DATA_FILE not in manifest.files:
        raise DataError(
            f"{folder} holds no complete training data: prepare it again (delete the folder "
            "first if its files were edited)."
        )
    from pyarrow import parquet

    rows = parquet.read_table(folder / DATA_FILE).to_pylist()
    return [
        Conversation(
            row["id"],
            row["prompt"],
            row["completion"],
            row.get("question") or row["id"],
            _example(row),
            row.get("rejected"),
        )
        for row in rows
    ]


def content_digest(conversations: Iterable[Conversation]) -> str:
    """Return the SHA-256 of the examples themselves, whatever wrote the file."""
    total = hashlib.sha256()
    for item in conversations:
        known: list[Any] = [] if item.example is None else [item.example.answer]
        if item.rejected is not None:
            known.append({"rejected": item.rejected})
        line = json.dumps(
            [item.id, _plain(item.messages), item.completion, *known], ensure_ascii=False
        )
        total.update(line.encode() + b"\n")
    return total.hexdigest()


def _within_max_length(longest: int) -> Limit:
    return Limit(lambda encoded: len(encoded.input_ids) <= longest, f"max_length={longest}")


def _example(row: Mapping[str, Any]) -> Example | None:
    if row.get("answer") is None:
        return None
    return Example(
        id=row["question"],
        question=row["asked"],
        solution=row["completion"],
        answer=row["answer"],
        level=row["level"],
    )


def _short_enough(
    task: PrepareTask, source: Sequence[Conversation], fits: Callable[[Encoded], bool]
) -> list[tuple[int, int]]:
    """Return the index of each example that fits, with its completion's length [tokens].

    Of a pair both answers must fit, and the length is that of both.
    """
    tokenizer = load_tokenizer(task.model)
    kept = []
    with task.progress.task("tokenising", len(source)) as advance:
        for index, item in enumerate(source):
            answers = (
                [item.completion] if item.rejected is None else [item.completion, item.rejected]
            )
            encoded = [encode(tokenizer, item.messages, answer) for answer in answers]
            if all(map(fits, encoded)):
                kept.append((index, sum(sum(each.completion_mask) for each in encoded)))
            advance(1)
    return kept


def _sample(indices: list[int], count: int | None, seed: int) -> list[int]:
    if count is None or count >= len(indices):
        return indices
    return sorted(Random(seed).sample(indices, count))  # noqa: S311 - a sample, not a secret


def _statistics(lengths: Sequence[int]) -> dict[str, float]:
    total = sum(lengths)
    return {"max": max(lengths), "mean": total / len(lengths), "total": total}


def _check_ids(source: Sequence[Conversation], dataset: str) -> None:
    seen: set[str] = set()
    for item in source:
        if item.id in seen:
            raise DataError(
                f"Two examples made from the dataset {dataset!r} have the id {item.id!r}."
            )
        seen.add(item.id)


def _nothing_left(task: PrepareTask, source_rows: int, limit: Limit) -> str:
    if not source_rows:
        return f"The dataset {task.dataset.name!r} gave no example to train on."
    return (
        f"All {source_rows} examples of {task.dataset.name!r} are longer than {limit.setting} "
        f"tokens. Raise it with --set {limit.setting.partition('=')[0]}=N."
    )


def _plain(messages: Sequence[Message]) -> list[dict[str, str]]:
    return [{"role": message["role"], "content": message["content"]} for message in messages]


def _write_parquet(path: Path, rows: Sequence[Conversation]) -> None:
    import pyarrow
    from pyarrow import parquet

    has_examples = any(row.example is not None for row in rows)
    has_pairs = any(row.rejected is not None for row in rows)
    message = pyarrow.struct([("role", pyarrow.string()), ("content", pyarrow.string())])
    schema = pyarrow.schema(
        [
            ("id", pyarrow.string()),
            ("prompt", pyarrow.list_(message)),
            ("completion", pyarrow.string()),
            ("question", pyarrow.string()),
            *((name, pyarrow.string()) for name in _OF_THE_EXAMPLE if has_examples),
            *((name, pyarrow.string()) for name in ("rejected",) if has_pairs),
        ]
    )
    plain: list[dict[str, Any]] = [
        {
            "id": row.id,
            "prompt": _plain(row.messages),
            "completion": row.completion,
            "question": row.question,
            **({} if row.example is None else _told(row.example)),
            **({} if row.rejected is None else {"rejected": row.rejected}),
        }
        for row in rows
    ]
    parquet.write_table(pyarrow.Table.from_pylist(plain, schema=schema), path)


def _told(example: Example) -> dict[str, str]:
    values = (example.question, example.answer, example.level)
    return dict(zip(_OF_THE_EXAMPLE, values, strict=True))
