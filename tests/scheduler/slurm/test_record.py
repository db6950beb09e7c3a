"""A job's own record, as whole or as torn as it may be."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.scheduler.slurm.record import Record, read_record


def read(tmp_path: Path, text: str) -> Record:
    (tmp_path / "record").write_bytes(text.encode())
    return read_record(tmp_path / "record")


def test_a_job_that_did_all(tmp_path: Path) -> None:
    text = "7 0 start n1\n7 0 begin 0\n7 0 end 0 0\n7 0 begin 1\n7 0 end 1 137\n7 0 done\n"
    assert read(tmp_path, text) == Record(
        job="7", starts=1, begun=(0, 1), statuses={0: 0, 1: 137}, events=frozenset({"done"})
    )


def test_only_the_last_start_counts(tmp_path: Path) -> None:
    text = "7 0 start n1\n7 0 begin 0\n7 0 limit\n7 0 term\n7 1 start n2\n7 1 begin 0\n"
    assert read(tmp_path, text) == Record(job="7", starts=2, begun=(0,))


def test_a_host_without_a_name_starts_as_well(tmp_path: Path) -> None:
    assert read(tmp_path, "7 0 start \n").starts == 1


@pytest.mark.parametrize("torn", ["", "7", "7 0", "7 0 begin", "7 0 begin x", "7 0 end 0", "\0\n"])
def test_what_a_full_disk_left_of_a_line_tells_nothing_false(tmp_path: Path, torn: str) -> None:
    found = read(tmp_path, f"7 0 start n1\n{torn}")
    assert (found.starts, found.begun, found.statuses) == (1, (), {})
    assert found.events.isdisjoint({"limit", "term", "done"})


def test_there_is_none(tmp_path: Path) -> None:
    assert read_record(tmp_path / "record") == Record()
