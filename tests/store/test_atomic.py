from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.errors import ForgetError, OutputError, StorageError
from forget.store import atomic
from forget.store.atomic import (
    PARTIAL,
    _host,
    ensure_writable,
    staged_file,
    staged_folder,
    storage_errors,
    write_bytes,
    write_json,
    write_text,
)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def refuse(number: int) -> Any:
    def fail(*_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_files_are_written_with_their_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file.txt"
    write_text(path, "grüße\n")
    assert path.read_bytes() == "grüße\n".encode()
    write_bytes(path, b"\x00\xff")
    assert path.read_bytes() == b"\x00\xff"
    assert names(path.parent) == ["file.txt"]


def test_json_is_readable_by_people(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"b": 1, "a": ["ü", None]})
    text = (tmp_path / "x.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"b": 1, "a": ["ü", None]}
    assert text.endswith("}\n")
    assert "ü" in text
    assert text.count("\n") > 3


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize("existing", [True, False])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str, existing: bool
) -> None:
    path = tmp_path / "file.txt"
    if existing:
        path.write_text("old")
    if step == "fsync":
        monkeypatch.setattr(os, "fsync", refuse(errno.EIO))
    else:
        monkeypatch.setattr(Path, "replace", refuse(errno.EIO))
    with pytest.raises(OSError, match="Input/output"):
        write_text(path, "new")
    assert names(tmp_path) == (["file.txt"] if existing else [])
    if existing:
        assert path.read_text() == "old"


def test_a_reader_in_the_middle_sees_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    seen: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(path.read_text()))
    write_text(path, "new")
    assert (seen, path.read_text()) == (["old"], "new")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", refuse(number))
    with pytest.raises(StorageError) as caught:
        write_text(path, "new")
    assert "The disk is full" in str(caught.value)
    assert str(path) in str(caught.value)
    assert "run the same command again" in str(caught.value)
    assert path.read_text() == "old"
    assert names(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EPERM, errno.EROFS])
def test_no_permission(tmp_path: Path, number: int) -> None:
    with (
        pytest.raises(StorageError, match=r"No permission to write .*--out") as caught,
        storage_errors(tmp_path / "x"),
    ):
        refuse(number)()
    assert caught.value.exit_status == 5


def test_other_failures_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Input/output") as caught, storage_errors(tmp_path):
        refuse(errno.EIO)()
    assert not isinstance(caught.value, ForgetError)
    with pytest.raises(KeyError), storage_errors(tmp_path):
        {}["x"]


def test_a_file_that_others_write(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "file.bin"
    with staged_file(final) as partial:
        partial.write_bytes(b"new")
        assert not final.exists()
        assert atomic.PARTIAL in partial.name
    assert final.read_bytes() == b"new"
    assert names(final.parent) == ["file.bin"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_file_that_others_fail_to_write(tmp_path: Path, error: type) -> None:
    final = tmp_path / "file.bin"
    final.write_bytes(b"old")

    def fill(partial: Path) -> None:
        partial.write_bytes(b"half")
        raise error

    with pytest.raises(error), staged_file(final) as partial:
        fill(partial)
    assert final.read_bytes() == b"old"
    assert names(tmp_path) == ["file.bin"]


# --- folders


def test_a_folder_takes_its_name_when_it_is_whole(tmp_path: Path) -> None:
    final = tmp_path / "deep" / "final"
    with staged_folder(final) as staging:
        (staging / "a").write_text("1")
        assert not final.exists()
        assert atomic.PARTIAL in staging.name
    assert names(final) == ["a"]
    assert names(tmp_path / "deep") == ["final"]


def test_a_folder_replaces_what_stood_there(tmp_path: Path) -> None:
    final = tmp_path / "final"
    final.mkdir()
    (final / "old").write_text("0")
    with staged_folder(final) as staging:
        (staging / "new").write_text("1")
        assert names(final) == ["old"]
    assert names(final) == ["new"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_folder_that_fails_is_left_as_it_was(tmp_path: Path, error: type) -> None:
    final = tmp_path / "final"
    final.mkdir()
    (final / "old").write_text("0")

    def fill(staging: Path) -> None:
        (staging / "new").write_text("1")
        raise error

    with pytest.raises(error), staged_folder(final) as staging:
        fill(staging)
    assert names(final) == ["old"]
    assert names(tmp_path) == ["final"]


def test_a_folder_on_a_full_disk(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="The disk is full"), staged_folder(tmp_path / "final"):
        refuse(errno.ENOSPC)()
    assert names(tmp_path) == []


# --- the output folder


def test_a_folder_that_can_be_written(tmp_path: Path) -> None:
    ensure_writable(tmp_path)
    ensure_writable(tmp_path / "not" / "there" / "yet")
    assert names(tmp_path) == []


def test_a_relative_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    ensure_writable(Path("out"))
    ensure_writable(Path())


def test_a_folder_whose_name_libraries_cannot_take(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"not UTF-8.*--out"):
        ensure_writable(tmp_path / os.fsdecode(b"out-\xff"))
    assert names(tmp_path) == []


@pytest.mark.parametrize("below", ["", "out", "out/runs"])
def test_a_file_in_the_way(tmp_path: Path, below: str) -> None:
    file = tmp_path / "file"
    file.write_text("x")
    with pytest.raises(OutputError) as caught:
        ensure_writable(file / below)
    assert f"{file} is not a folder" in str(caught.value)
    assert "--out" in str(caught.value)


def test_a_link_to_nowhere_in_the_way(tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="link is not a folder"):
        ensure_writable(link / "out")


def test_a_folder_on_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "touch", refuse(errno.ENOSPC))
    with pytest.raises(StorageError, match="The disk is full"):
        ensure_writable(tmp_path / "out")


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_folder_that_may_not_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr(Path, "touch", refuse(number))  # chmod does not bind root
    with pytest.raises(OutputError) as caught:
        ensure_writable(tmp_path / "out")
    assert f"{tmp_path / 'out'} cannot be written" in str(caught.value)
    assert os.strerror(number) in str(caught.value)
    assert caught.value.exit_status == 2


def dead_pid() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", "pass"])
    process.wait()
    return process.pid


@pytest.mark.parametrize(
    ("owner", "age_s", "removed"),
    [
        (lambda: f"{_host()}-{dead_pid()}", 0, True),
        (lambda: f"{_host()}-{dead_pid()}-old", 0, True),
        (lambda: f"{_host()}-{os.getppid()}", 0, False),
        (lambda: "another.host-1", 3600, False),
        (lambda: "another.host-1", 25 * 3600, True),
    ],
)
def test_what_a_dead_process_left_is_removed(
    owner: Callable[[], str], age_s: int, removed: bool, tmp_path: Path
) -> None:
    leftover = tmp_path / f".data{PARTIAL}-{owner()}"
    leftover.mkdir()
    (leftover / "file").write_text("half")
    other = tmp_path / f".other{PARTIAL}-{_host()}-{dead_pid()}"
    other.write_text("of another file")
    os.utime(leftover, (time.time() - age_s,) * 2)
    with staged_folder(tmp_path / "data") as staging:
        (staging / "file").write_text("whole")
    assert leftover.exists() == (not removed)
    assert other.exists()
    write_text(tmp_path / "other", "whole")
    assert not other.exists()


def test_a_folder_of_another_option(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match=r"The data mirror .* another one with --data"):
        ensure_writable(tmp_path / "file", "data mirror", "--data")


def test_what_is_no_file_is_never_replaced(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    for name in ("pipe", "folder"):
        with pytest.raises(StorageError, match="a folder or a device"):
            write_text(tmp_path / name, "text")
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe"]
