"""The output folder: whether it can be written, whether locks hold, how much room there is."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.doctor.diagnosis import Found
from forget.doctor.storage import file_system, storage
from forget.errors import OutputError
from forget.session import Session

Open = Callable[..., Session]


def look(session: Session, name: str) -> Found:
    [check] = [check for check in storage(session) if check.name == name]
    return check.look()


def refuse(number: int) -> Callable[..., Any]:
    def refused(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    return refused


def test_a_folder_to_be_made(open_lazily: Open, tmp_path: Path) -> None:
    session = open_lazily(out=tmp_path / "to" / "be" / "made")
    before = sorted(tmp_path.rglob("*"))
    found = {check.name: check.look() for check in storage(session)}
    assert {name for name, what in found.items() if what.state == "problem"} == set()
    assert "to be made; file system " in found["output folder"].text
    assert "keeps other processes" in found["locks"].text
    assert sorted(tmp_path.rglob("*")) == before


def test_a_read_only_folder(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_lazily()
    monkeypatch.setattr(Path, "touch", refuse(errno.EROFS))  # chmod does not bind root
    monkeypatch.setattr("tempfile.NamedTemporaryFile", refuse(errno.EROFS))
    with pytest.raises(OutputError, match="Read-only file system"):
        look(session, "output folder")
    found = look(session, "locks")
    assert found.state == "note"
    assert "takes no files" in found.text


def test_a_file_system_without_locks(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fcntl, "flock", refuse(errno.ENOLCK))
    found = look(open_lazily(), "locks")
    assert found.state == "note"
    assert os.strerror(errno.ENOLCK) in found.text
    assert "two processes" in found.remedy


def test_locks_that_another_process_does_not_see(
    open_lazily: Open, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    found = look(open_lazily(), "locks")
    assert found.state == "note"
    assert "does not keep another process out" in found.text
    assert list(out.iterdir()) == []


@pytest.mark.parametrize(("free", "state"), [(0, "problem"), (5e9, "note"), (5e10, "fine")])
def test_the_room_that_is_left(
    free: float, state: str, open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = SimpleNamespace(free=free, total=1e11)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    found = look(open_lazily(), "free space")
    assert found.state == state
    assert "of 100 GB" in found.text


def test_the_file_system_of_the_innermost_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    def mounts(**_: bool) -> list[SimpleNamespace]:
        kinds = {"/": "ext4", "/tmp": "lustre", "/tmp/not/this": "nfs4"}
        return [SimpleNamespace(mountpoint=place, fstype=kind) for place, kind in kinds.items()]

    monkeypatch.setattr("psutil.disk_partitions", mounts)
    assert file_system(Path("/tmp/no/such/folder")) == "lustre"
    assert file_system(Path("/")) == "ext4"
    monkeypatch.setattr("psutil.disk_partitions", lambda **_: [])
    assert file_system(Path("/")) == "unknown"


def test_the_hubs_cache(open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = open_lazily()
    assert "not there yet" in look(session, "Hub's cache").text
    (tmp_path / "hub-home" / "hub" / "models--a--b").mkdir(parents=True)
    assert "1 model(s)" in look(session, "Hub's cache").text
    monkeypatch.setattr(os, "access", lambda *_: False)
    found = look(session, "Hub's cache")
    assert found.state == "note"
    assert "HF_HOME" in found.remedy
