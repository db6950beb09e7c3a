from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from forget.errors import OutputError, StorageError, UnknownNameError
from forget.report.tables import write_tables
from report import made_frames


def test_every_format_is_written_the_same_twice(tmp_path: Path) -> None:
    material = made_frames.small()
    one = write_tables(material, tmp_path / "one")
    two = write_tables(material, tmp_path / "two")
    assert [path.name for path in one.files] == [
        "results.md", "results-gsm8k.tex", "results.csv", "results.parquet",
    ]  # fmt: skip
    for first, second in zip(one.files, two.files, strict=True):
        assert first.read_bytes() == second.read_bytes()
    assert one.omitted == {}


def test_parquet_gives_the_frame_back_as_it_is(tmp_path: Path) -> None:
    material = made_frames.awkward()
    [path] = write_tables(material, tmp_path, ("parquet",)).files
    found = pd.read_parquet(path)
    assert found["step"].dtype == "Int64"
    pd.testing.assert_frame_equal(
        found, material.results, check_dtype=False, check_column_type=False
    )


def test_csv_has_all_digits(tmp_path: Path) -> None:
    material = made_frames.small()
    [path] = write_tables(material, tmp_path, ("csv",)).files
    with path.open(newline="", encoding="utf-8") as file:
        lines = list(csv.DictReader(file))
    assert list(lines[0]) == list(material.results)
    deltas = [float(line["delta"] or "nan") for line in lines]
    np.testing.assert_array_equal(deltas, material.results["delta"])


def test_a_table_for_each_data_set(tmp_path: Path) -> None:
    written = write_tables(made_frames.large(), tmp_path, ("tex",))
    assert [path.stem for path in written.files] == [
        "results-gsm8k", "results-math", "results-triviaqa",
    ]  # fmt: skip


@pytest.mark.parametrize("rows", [0, 12])
def test_without_results_there_are_no_tables_but_the_frame(tmp_path: Path, rows: int) -> None:
    found = made_frames.single().results.head(rows).copy()
    for exam in found["benchmark"].unique():
        made_frames.missing(found, found["run"].iloc[0], exam)
    written = write_tables(made_frames.material(found), tmp_path)
    assert [path.name for path in written.files] == ["results.csv", "results.parquet"]
    assert set(written.omitted) == {"results.md", "results.tex"}
    assert len(pd.read_parquet(tmp_path / "results.parquet")) == rows


def test_a_format_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError, match="format of tables named 'latex'"):
        write_tables(made_frames.single(), tmp_path / "new", ("csv", "latex"))
    assert not (tmp_path / "new").exists()


def test_a_folder_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="--tables"):
        write_tables(made_frames.single(), tmp_path / "file")


def test_a_folder_where_a_file_would_be(tmp_path: Path) -> None:
    (tmp_path / "results.csv").mkdir()
    with pytest.raises(StorageError, match=r"results\.csv cannot be written as a file") as caught:
        write_tables(made_frames.single(), tmp_path, ("csv",))
    assert "\n" not in str(caught.value)
    assert [path.name for path in tmp_path.iterdir()] == ["results.csv"]
