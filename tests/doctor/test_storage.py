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
from forget.doctor.mounts import mount_of
from forget.doctor.storage import left_gb, storage
from forget.errors import OutputError
from forget.session import Session
from scheduler.slurm.fake_commands import FakeCommands

Open = Callable[..., Session]


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    return FakeCommands(tmp_path / "bin", monkeypatch)


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


@pytest.mark.parametrize(("free", "state"), [(0, "problem"), (900, "note"), (50_000, "fine")])
def test_the_files_that_can_be_made(
    free: int, state: str, open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_lazily()
    found = SimpleNamespace(f_files=100_000, f_favail=free)
    monkeypatch.setattr(os, "statvfs", lambda _: found)
    looked = look(session, "files")
    assert (looked.state, bool(looked.remedy)) == (state, state != "fine")
    assert looked.text == f"{free:,} more of 100,000 can be made"


def test_a_file_system_that_does_not_count_files(
    open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_lazily()
    monkeypatch.setattr(os, "statvfs", lambda _: SimpleNamespace(f_files=0, f_favail=0))
    assert look(session, "files") == Found("as many as there is space for")


QUOTA = (
    "Disk quotas for user alice (uid 7):\n{device} {used} {limit} {limit} 0 {files} 9000 90000 0\n"
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("used", "files", "state"),
    [
        (1_000_000, 500, "fine"),
        (95_000_000, 500, "note"),  # KiB: less than 10 GB are left
        (1_000_000, 89_000, "note"),
        (100_000_000, 500, "problem"),
        (1_000_000, 90_000, "problem"),
    ],
)
def test_a_quota(
    used: int, files: int, state: str, open_lazily: Open, out: Path, system: FakeCommands
) -> None:
    said = QUOTA.format(device=mount_of(out).device, used=used, limit=100_000_000, files=files)
    system.answer("quota", said)
    found = look(open_lazily(), "quota")
    assert (found.state, bool(found.remedy)) == (state, state != "fine")
    assert found.text.startswith("user alice: ")
    assert left_gb(out) == pytest.approx(
        min((100_000_000 - used) * 1.024e-6, shutil.disk_usage(out).free / 1e9), abs=0.1
    )


def test_no_quota(open_lazily: Open, system: FakeCommands) -> None:
    system.answer("quota", "Disk quotas for user root (uid 0): none\n")
    assert look(open_lazily(), "quota") == Found("none that this system tells of")


@pytest.mark.slow
def test_a_quota_that_nobody_tells(open_lazily: Open, system: FakeCommands) -> None:
    system.answer("quota", after_s=60)
    found = look(open_lazily(), "quota")
    assert (found.state, found.text) == ("note", "not known: quota did not answer for 3 s")


def test_the_file_system_of_the_innermost_mount(monkeypatch: pytest.MonkeyPatch) -> None:
    def mounts(**_: bool) -> list[SimpleNamespace]:
        kinds = {"/": "ext4", "/tmp": "lustre", "/tmp/not/this": "nfs4"}
        return [
            SimpleNamespace(device="d", mountpoint=place, fstype=kind)
            for place, kind in kinds.items()
        ]

    monkeypatch.setattr("psutil.disk_partitions", mounts)
    assert mount_of(Path("/tmp/no/such/folder")).kind == "lustre"
    assert mount_of(Path("/")).kind == "ext4"
    monkeypatch.setattr("psutil.disk_partitions", lambda **_: [])
    assert mount_of(Path("/")).kind == "unknown"
