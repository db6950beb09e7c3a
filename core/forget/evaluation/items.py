"""The per-item records of an evaluation, kept as parquet."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

__all__ = ["Item", "read_items", "read_scores", "write_items"]


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


def read_scores(path: Path) -> dict[tuple[str, str, int], float]:
    """Read the scores alone, by ``(task, doc_hash, doc_id)``."""
    import pyarrow.parquet as pq

    table = pq.read_table(path, columns=["task", "doc_hash", "doc_id", "score"]).to_pydict()
    keys = zip(table["task"], table["doc_hash"], table["doc_id"], strict=True)
    return dict(zip(keys, table["score"], strict=True))
