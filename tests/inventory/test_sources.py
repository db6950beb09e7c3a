from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.dataset import DataAccess, Example, Source
from forget.errors import DataError
from forget.inventory.sources import most_examples, reads_of, source_entries
from forget.mirror import Mirror
from forget_datasets.arithmetic import Arithmetic
from forget_datasets.gsm8k import Gsm8k
from forget_datasets.math import Math
from forget_datasets.triviaqa import TriviaQa


class Two(Arithmetic):
    """Trains on one source, is tested on another one's validation split, and wants rows."""

    name = "two"
    one = Source(hub="a/one", mirror="one", splits={"train": "train"})
    other = Source(hub="b/other", mirror="other", splits={"validation": "val", "extra": "extra"})

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        source, theirs = (self.one, "train") if split == "train" else (self.other, "validation")
        return [next(iter(data.rows(source, theirs)))]  # type: ignore[list-item]


def small(**changes: Any) -> Gsm8k:
    """GSM8K with the rows of the small mirror."""
    dataset = Gsm8k()
    dataset.source = attrs.evolve(Gsm8k.source, rows={"train": 2, "test": 2}, **changes)
    return dataset


def test_what_a_dataset_reads_is_found_without_rows() -> None:
    assert reads_of(Gsm8k()).sources == [(Gsm8k.source, ("train", "test"))]
    assert reads_of(Two()).sources == [
        (Two.one, ("train",)),
        (Two.other, ("validation", "extra")),
    ]


def test_a_generated_dataset_reads_nothing() -> None:
    reads = reads_of(Arithmetic())
    assert reads.sources == []
    assert reads.generated == {"train": 2000, "test": 500}
    entries = source_entries({"arithmetic": Arithmetic()}, Mirror())
    assert [(e.split, e.rows, e.state, e.purpose) for e in entries] == [
        ("train", 2000, "generated", "training"),
        ("test", 500, "generated", "task accuracy"),
    ]


def test_a_mirror(mirror: Path) -> None:
    train, test = source_entries({"gsm8k": small()}, Mirror(root=mirror))
    assert (train.folder, train.rows, train.state) == ("gsm8k/train.parquet", 2, "complete")
    assert train.bytes == (mirror / "gsm8k" / "train.parquet").stat().st_size
    assert test.path == mirror / "gsm8k" / "test.parquet"


def test_the_hub() -> None:
    train, test = source_entries({"gsm8k": Gsm8k()}, Mirror())
    assert (train.folder, train.rows, train.expected, train.state) == (
        "openai/gsm8k", None, 7473, "hub",
    )  # fmt: skip
    assert test.path is None


@pytest.mark.parametrize(
    ("spoil", "state", "rows", "problem"),
    [
        (lambda path: path.unlink(), "missing", None, ""),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "damaged", None, "truncated"),
        (lambda path: path.write_text("<html>"), "damaged", None, "not parquet"),
    ],
)
def test_what_is_not_as_it_should_be(
    spoil: Any, state: str, rows: int | None, problem: str, mirror: Path
) -> None:
    spoil(mirror / "gsm8k" / "train.parquet")
    train, _ = source_entries({"gsm8k": small()}, Mirror(root=mirror))
    assert (train.state, train.rows) == (state, rows)
    assert problem in train.problem


@pytest.mark.parametrize(("published", "state"), [(7473, "unfinished"), (1, "damaged")])
def test_a_number_of_rows_that_is_not_the_published_one(
    published: int, state: str, mirror: Path
) -> None:
    dataset = small()
    dataset.source = attrs.evolve(Gsm8k.source, rows={"train": published})
    train, test = source_entries({"gsm8k": dataset}, Mirror(root=mirror))
    assert (train.rows, train.expected, train.state) == (2, published, state)
    assert (test.expected, test.state) == (None, "complete")  # nobody says how many


def test_a_mirror_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="does not exist"):
        source_entries({}, Mirror(root=tmp_path / "none"))


def test_the_published_files(data_root: Path) -> None:
    entries = source_entries({"gsm8k": Gsm8k()}, Mirror(root=data_root))
    assert [(e.rows, e.state) for e in entries] == [(7473, "complete"), (1319, "complete")]


def test_how_many_examples_there_are_at_most(mirror: Path, tmp_path: Path) -> None:
    """By the mirror's footers; without it by what is published, and what of that is used."""
    assert most_examples(Arithmetic(), "train", Mirror()) == 2000
    assert most_examples(Gsm8k(), "train", Mirror()) == 7473
    assert most_examples(Gsm8k(), "train", Mirror(root=mirror)) == 2
    assert most_examples(Gsm8k(), "train", Mirror(root=tmp_path)) is None
    assert most_examples(TriviaQa(), "train", Mirror()) == 7500
    assert most_examples(Math(), "train", Mirror()) == 7498
    assert most_examples(Two(), "train", Mirror()) is None


@pytest.mark.slow
def test_that_many_examples_are_made_of_the_published_files(data_root: Path) -> None:
    mirror = Mirror(root=data_root)
    for dataset in (Gsm8k(), Math(), TriviaQa()):
        most = most_examples(dataset, "train", mirror)
        assert most == len(dataset.load("train", mirror))
