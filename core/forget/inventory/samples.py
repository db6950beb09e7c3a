"""Examples of a dataset, of prepared data or of a store, as a model will see them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Verdict
from forget.errors import DataError, RequestError, UnknownNameError
from forget.progress import Progress
from forget.store.manifest import MANIFEST, fault
from forget.training.examples import DATA_FILE
from forget.training.trajectories.store import ABOUT, read_about, read_contents

__all__ = [
    "Graded",
    "Lengths",
    "Row",
    "Sample",
    "choose",
    "dataset_rows",
    "encode_rows",
    "find_folder",
    "folder_rows",
    "grade",
    "measure",
    "store_dataset",
]

MAX_MEASURED = 10_000
"""Most examples whose lengths are measured: tokenising more takes too long for a look."""


@attrs.frozen(kw_only=True)
class Row:
    """An example before it is tokenised; without a completion it is a prompt alone."""

    id: str
    messages: Sequence[Message]
    completion: str | None
    level: str = ""


@attrs.frozen(kw_only=True)
class Sample:
    """An example as the trainer sees it.

    Attributes:
        id: The example's.
        level: How difficult it is, where the dataset says.
        input_ids: Its tokens.
        completion_mask: 1 where the token is in the loss.
        tokens: The text of each token.
        spans: The text in stretches, each with whether it is in the loss.
    """

    id: str
    level: str
    input_ids: list[int]
    completion_mask: list[int]
    tokens: list[str]
    spans: list[tuple[bool, str]]


class Lengths(NamedTuple):
    """Lengths of examples [tokens], with whose they are; `measured` of `rows` were tokenised."""

    rows: int
    measured: int
    shortest: int
    shortest_id: str
    longest: int
    longest_id: str
    mean: float


class Graded(NamedTuple):
    """A completion of a store with what the dataset's verifier says of it."""

    example: str
    level: str
    sample: int
    completion: Completion
    verdict: Verdict


def find_folder(what: str, out: Path) -> Path | None:
    """Return the data folder or store that a path means, from the working or output folder.

    Raises:
        DataError: The folder is there, but holds no data.
    """
    for folder in (Path(what), out / what):
        if not os.path.exists(folder):  # noqa: PTH110 - Path.exists() raises for too long a name
            continue
        if folder.is_file():
            folder = folder.parent  # noqa: PLW2901 - a file of the data stands for its folder
        for candidate in (folder, folder / "data"):
            if any((candidate / name).is_file() for name in (MANIFEST, DATA_FILE, ABOUT)):
                return candidate.resolve()
        held = sorted(p.name + "/" * p.is_dir() for p in folder.iterdir() if p.name[0] != ".")
        raise DataError(
            f"{folder} holds no data: neither a manifest.json, nor a data folder with one, nor a "
            f"{ABOUT}. It has {', '.join(held[:12]) or 'nothing'}. Name a run directory, its data "
            "folder, a store below trajectories/, or a dataset."
        )
    return None


def dataset_rows(dataset: Dataset, split: str, data: DataAccess) -> list[Row]:
    """Return the examples of a dataset's split with its own solutions.

    Raises:
        DataError: The split cannot be read, or it is empty.
    """
    examples = dataset.load(split, data)
    if not examples:
        raise DataError(f"The {split} split of {dataset.name!r} has no example to show.")
    return [
        Row(
            id=example.id,
            messages=dataset.prompt(example),
            completion=example.solution or None,
            level=example.level,
        )
        for example in examples
    ]


def folder_rows(folder: Path) -> list[Row]:
    """Return the examples of a data folder; of a pair the rejected answer follows the other one.

    Raises:
        DataError: It is damaged.
    """
    problem = fault(folder, digests=True)
    if problem is None and not (folder / DATA_FILE).is_file():
        problem = f"it has no {DATA_FILE}"
    if problem is not None:
        raise DataError(
            f"{folder} holds no training data that can be shown: {problem}. `forget data verify` "
            "says what to do."
        )
    from pyarrow import parquet

    return [
        Row(
            id=f"{row['id']}{kind}",
            messages=row["prompt"],
            completion=row.get(column),
            level=str(row.get("level") or ""),
        )
        for row in parquet.read_table(folder / DATA_FILE).to_pylist()
        for column, kind in (("completion", ""), ("rejected", " (rejected)"))
        if column == "completion" or row.get(column) is not None
    ]


def choose(rows: Sequence[Row], count: int, example: str | None) -> list[Row]:
    """Return the first `count` rows, or the one with an id.

    Raises:
        UnknownNameError: No row has that id.
        RequestError: The count is not positive.
    """
    _check_count(count)
    if example is None:
        return list(rows[:count])
    found = [row for row in rows if row.id == example]
    if not found:
        raise UnknownNameError("example", example, _few([row.id for row in rows], example))
    return found


def encode_rows(rows: Sequence[Row], tokenizer: Any) -> list[Sample]:
    """Tokenise examples as training does.

    Raises:
        ModelError: The model's chat template cannot be used.
    """
    return [_sample(row, tokenizer) for row in rows]


def measure(rows: Sequence[Row], tokenizer: Any, progress: Progress) -> Lengths:
    """Measure the lengths of examples, of `MAX_MEASURED` at most."""
    few = rows[:MAX_MEASURED]
    lengths = []
    with progress.task("measuring lengths", len(few)) as advance:
        for row in few:
            lengths.append(len(_encoded(row, tokenizer)[0]))
            advance(1)
    low, high = (f(range(len(few)), key=lengths.__getitem__) for f in (min, max))
    return Lengths(
        rows=len(rows),
        measured=len(few),
        shortest=lengths[low],
        shortest_id=few[low].id,
        longest=lengths[high],
        longest_id=few[high].id,
        mean=sum(lengths) / len(lengths),
    )


def grade(
    folder: Path, dataset: Dataset, data: DataAccess, count: int, example: str | None
) -> list[Graded]:
    """Return completions of a store with the verifier's verdicts, in the store's order.

    Raises:
        DataError: The store has none, or belongs to examples that the dataset does not have.
        UnknownNameError: No completion is of that example.
        RequestError: The count is not positive.
    """
    _check_count(count)
    stored = read_contents(folder).completions
    if not stored:
        raise DataError(f"{folder} holds no completion that can be read yet.")
    if example is None:
        stored = stored[:count]
    elif example not in {line.example for line in stored}:
        names = sorted({line.example for line in stored})
        raise UnknownNameError("example", example, _few(names, example))
    else:
        stored = [line for line in stored if line.example == example]
    examples = {item.id: item for item in dataset.load("train", data)}
    missing = next((line.example for line in stored if line.example not in examples), None)
    if missing is not None:
        raise DataError(
            f"{folder} has completions of {missing!r}, and the training split of "
            f"{dataset.name!r} has no such example: it was made from other data. Name the mirror "
            "it was made with by --data."
        )
    return [
        Graded(
            line.example,
            examples[line.example].level,
            line.sample,
            line.completion,
            dataset.verify(examples[line.example], line.completion),
        )
        for line in stored
    ]


def store_dataset(folder: Path) -> str:
    """Return the name of the dataset whose questions a store answers.

    Raises:
        DataError: Its head is damaged.
    """
    return read_about(folder).dataset


def _sample(row: Row, tokenizer: Any) -> Sample:
    ids, mask = _encoded(row, tokenizer)
    spans = [
        (bool(inside), tokenizer.decode([token for token, _ in pairs]))
        for inside, pairs in (
            (inside, list(group))
            for inside, group in groupby(zip(ids, mask, strict=True), key=lambda pair: pair[1])
        )
    ]
    return Sample(
        id=row.id,
        level=row.level,
        input_ids=ids,
        completion_mask=mask,
        tokens=[tokenizer.decode([token]) for token in ids],
        spans=spans,
    )


def _encoded(row: Row, tokenizer: Any) -> tuple[list[int], list[int]]:
    from forget.inference.chat import render_prompt
    from forget.training.masking import encode

    if row.completion is not None:
        encoded = encode(tokenizer, row.messages, row.completion)
        return encoded.input_ids, encoded.completion_mask
    ids = tokenizer(render_prompt(tokenizer, row.messages), add_special_tokens=False)["input_ids"]
    return ids, [0] * len(ids)


def _check_count(count: int) -> None:
    if count < 1:
        raise RequestError(f"--count must be at least 1, but is {count}.")


def _few(names: Sequence[str], wanted: str) -> list[str]:
    """Return names worth suggesting: thousands of them would fill the screen."""
    from forget.errors import nearest

    return nearest(wanted, names) or list(names[:3])
