from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from forget.evaluation.items import Item, read_items, read_scores, write_items

ITEM = Item(
    task="mmlu_anatomy",
    doc_id=7,
    doc_hash="0123456789abcdef",
    score=1.0,
    metrics={"acc": 1.0, "acc_norm": 0.0},
    prompt="Where is it?\nAnswer:",
    target="2",
    response=[[-1.25, True], [-3.5, False]],
)

ITEMS = [
    ITEM,
    attrs.evolve(
        ITEM, doc_id=8, score=0.1 + 0.2, response=[[-1e-300, True], [-12345.678901, False]]
    ),
    attrs.evolve(ITEM, task="task:gsm8k", prompt="", response=["größer\n\0 “als” 😀", "no answer"]),
    attrs.evolve(ITEM, doc_hash="f" * 16, metrics={}, response=[], cluster="0f" * 8),
]


@pytest.mark.parametrize("items", [ITEMS[:1], ITEMS, ITEMS[::-1]])
def test_items_come_back_as_they_were_and_in_order(tmp_path: Path, items: list[Item]) -> None:
    write_items(tmp_path / "items.parquet", items)
    assert read_items(tmp_path / "items.parquet") == items


def test_items_from_before_there_were_clusters(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    path = tmp_path / "items.parquet"
    write_items(path, ITEMS)
    pq.write_table(pq.read_table(path).drop_columns(["cluster"]), path)
    assert read_items(path) == [attrs.evolve(item, cluster="") for item in ITEMS]
    found = read_scores(path)
    assert (list(found.clusters), len(found.scores)) == ([], 4)


def test_the_same_items_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_items(tmp_path / name, ITEMS)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_scores_by_task_document_and_place(tmp_path: Path) -> None:
    write_items(tmp_path / "items.parquet", ITEMS)
    found = read_scores(tmp_path / "items.parquet")
    assert found.rows() == {
        ("mmlu_anatomy", "0123456789abcdef", 7): 0,
        ("mmlu_anatomy", "0123456789abcdef", 8): 1,
        ("task:gsm8k", "0123456789abcdef", 7): 2,
        ("mmlu_anatomy", "f" * 16, 7): 3,
    }
    assert found.scores.tolist() == [1.0, 0.1 + 0.2, 1.0, 1.0]
    assert found.tasks == ["mmlu_anatomy", "mmlu_anatomy", "task:gsm8k", "mmlu_anatomy"]
    assert list(found.clusters) == ["", "", "", "0f" * 8]
    assert found.name_of(1) == ("mmlu_anatomy", 8)


def test_other_tools_read_the_columns(tmp_path: Path) -> None:
    import pandas as pd

    write_items(tmp_path / "items.parquet", ITEMS)
    table = pd.read_parquet(tmp_path / "items.parquet")
    assert list(table.columns) == [field.name for field in attrs.fields(Item)]
    assert table["score"].tolist() == [item.score for item in ITEMS]
    assert json.loads(table["response"][2]) == ITEMS[2].response
