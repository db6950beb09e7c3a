"""The per-item records of an evaluation, kept as parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import attrs
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Item", "ItemScores", "read_items", "read_scores", "write_items"]

_KEYS = ["task", "doc_hash", "doc_id"]


@attrs.frozen(kw_only=True)
class Item:
    """One item of one evaluation.

    Attributes:
        task: The lm-eval task (an MMLU subject, say), or ``task:<dataset>``.
        doc_id: Index in its split.
        doc_hash: Digest of the document: items pair by ``(task, doc_hash, doc_id)``.
        score: Value of the metric that counts.
        metrics: Every metric's value.
        prompt: What the model read.
        target: The right answer.
        response: What the model answered: ``[[log p, is greedy], ...]`` or texts.
        cluster: Equal for items that share a passage or a source and are not independent for that;
            empty for one that stands alone.
    """

    task: str
    doc_id: int
    doc_hash: str
    score: float
    metrics: Mapping[str, float]
    prompt: str
    target: str
    response: Any
    cluster: str = ""


def write_items(path: Path, items: Sequence[Item]) -> None:
    """Write items as one parquet file; nested values become JSON text."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    nested = ("metrics", "response")
    columns = {
        field.name: [
            json.dumps(getattr(item, field.name), ensure_ascii=False)
            if field.name in nested
            else getattr(item, field.name)
            for item in items
        ]
        for field in attrs.fields(Item)
    }
    pq.write_table(pa.table(columns), path, compression="zstd")


def read_items(path: Path) -> list[Item]:
    """Read what `write_items` wrote; in files from before there were clusters all are empty."""
    import pyarrow.parquet as pq

    rows = pq.read_table(path).to_pylist()
    return [
        Item(
            **{
                **row,
                "metrics": json.loads(row["metrics"]),
                "response": json.loads(row["response"]),
            }
        )
        for row in rows
    ]


class ItemScores(NamedTuple):
    """The scores of an evaluation's items, and which items they are.

    Attributes:
        keys: Columns `task`, `doc_hash`, `doc_id`, a row for each item.
        scores: Value of the metric that counts, shape (items,).
        clusters: What each item shares with others, see `Item`; empty where that is not known.
    """

    keys: pa.Table
    scores: NDArray[np.float64]
    clusters: Sequence[str] = ()

    @property
    def tasks(self) -> list[str]:
        """The lm-eval task of each item."""
        return list(self.keys["task"].to_pylist())

    def same_keys(self, other: ItemScores) -> bool:
        """Say whether another evaluation has the same items in the same order."""
        return bool(self.keys.equals(other.keys))

    def rows(self) -> dict[tuple[str, str, int], int]:
        """Return the row of each item, by ``(task, doc_hash, doc_id)``."""
        columns = [self.keys[name].to_pylist() for name in _KEYS]
        return {key: row for row, key in enumerate(zip(*columns, strict=True))}

    def rows_of(self, other: ItemScores, rows: Sequence[int]) -> list[int]:
        """Return the rows that here have the items of some rows of another evaluation."""
        if self.same_keys(other):
            return list(rows)
        known = self.rows()
        keys = list(other.rows())
        return [known[keys[row]] for row in rows]

    def name_of(self, row: int) -> tuple[str, int]:
        """Return the task and the document number of an item."""
        return self.keys["task"][row].as_py(), self.keys["doc_id"][row].as_py()


def read_scores(path: Path) -> ItemScores:
    """Read the scores alone, and what items pair and cluster by."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        clustered = "cluster" in file.schema_arrow.names
        table = file.read([*_KEYS, "score", *(["cluster"] if clustered else [])])
    clusters = table["cluster"].to_pylist() if clustered else []
    scores = table["score"].to_numpy().astype(np.float64)
    return ItemScores(table.select(_KEYS), scores, clusters)
