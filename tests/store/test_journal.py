from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from forget.errors import StorageError
from forget.store import journal

RECORDS: list[Any] = [{"a": 1}, [0, [-1.5, True]], "grüße\nzwei", None]


def test_what_is_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "journal.jsonl"
    journal.append(path, RECORDS[:2])
    journal.append(path, iter(RECORDS[2:]))
    assert journal.read(path) == RECORDS
    assert path.read_text(encoding="utf-8").count("\n") == len(RECORDS)


def test_no_journal_is_an_empty_one(tmp_path: Path) -> None:
    assert journal.read(tmp_path / "nowhere.jsonl") == []


def test_a_kill_at_any_byte_loses_the_last_record_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal.append(path, RECORDS)
    whole = path.read_bytes()
    ends = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    for cut in range(len(whole) + 1):
        path.write_bytes(whole[:cut])
        assert journal.read(path) == RECORDS[: sum(end <= cut for end in ends)]


@pytest.mark.parametrize("line", [b"{bad", b"\xff\xfe", b""])
def test_what_follows_a_damaged_line_is_not_trusted(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"1\n2\n" + line + b"\n3\n")
    assert journal.read(path) == [1, 2]


def test_rewrite_replaces_everything(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b'1\n{"cut')
    journal.rewrite(path, journal.read(path))
    journal.append(path, [2])
    assert journal.read(path) == [1, 2]
    assert [p.name for p in tmp_path.iterdir()] == ["journal.jsonl"]


def test_records_are_on_the_disk_before_append_returns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "journal.jsonl"
    synced: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _: synced.append(path.read_bytes()))
    journal.append(path, [1])
    assert synced == [b"1\n"]


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: int) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StorageError, match=r"journal\.jsonl could not be written"):
        journal.append(tmp_path / "journal.jsonl", [1])


@pytest.mark.parametrize("moment", ["mkdir", "open"])
def test_a_folder_that_another_process_removes_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    path = tmp_path / "answers" / "own.jsonl"
    original, failed = getattr(Path, moment), []

    def vanishing(self: Path, *arguments: Any, **options: Any) -> Any:
        if not failed:
            failed.append(self)
            raise FileExistsError(self) if moment == "mkdir" else FileNotFoundError(self)
        return original(self, *arguments, **options)

    monkeypatch.setattr(Path, moment, vanishing)
    journal.append(path, [{"step": 1}])
    monkeypatch.undo()
    assert journal.read(path) == [{"step": 1}]
    assert failed


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "answers").write_text("")
    with pytest.raises(FileExistsError):
        journal.append(tmp_path / "answers" / "own.jsonl", [1])
