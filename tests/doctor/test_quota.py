"""Quotas as commands print them: what is understood, and what is left out."""

from __future__ import annotations

from pathlib import Path

import pytest

from doctor import commands
from forget.doctor.mounts import Mount
from forget.doctor.quota import Quota, quotas, read_quotas
from scheduler.slurm.fake_commands import FakeCommands

DISK = Mount("/dev/sdb1", Path("/data"), "ext4")
LUSTRE = Mount("10.0.0.1@tcp:/scratch", Path("/mnt/lustre"), "lustre")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    """A folder of commands, before which there is none that tells of quotas."""
    found = FakeCommands(tmp_path / "bin", monkeypatch)
    monkeypatch.setenv("PATH", f"{found.folder}:/bin")
    return found


def only(said: str, mount: Mount) -> Quota:
    [found] = read_quotas(said, mount)
    return found


def test_quota_of_a_user_and_of_a_group() -> None:
    user, group = read_quotas(commands.QUOTA, DISK)
    assert user.owner == "user alice"
    assert user.used_gb == pytest.approx(42.95, abs=0.01)
    assert user.limit_gb == pytest.approx(64.42, abs=0.01)
    assert (user.files, user.file_limit) == (4000, 120000)
    assert (group.owner, group.file_limit) == ("group lab", None)
    assert str(user) == "user alice: 42.9 of 64.4 GB, 4,000 of 120,000 files"
    assert str(group) == "group lab: 921.6 of 1,024.0 GB, 70,000 files"


def test_the_quota_of_a_file_server() -> None:
    found = only(commands.QUOTA, Mount("server:/export/home", Path("/home"), "nfs4"))
    assert found.limit_gb == pytest.approx(0.0042, abs=1e-4)


def test_a_long_name_has_a_line_by_itself_and_grace_is_a_word() -> None:
    mount = Mount("/dev/mapper/system-a_long_name", Path("/"), "ext4")
    found = only(commands.WRAPPED, mount)
    assert found.used_gb == pytest.approx(0.212, abs=1e-3)
    assert (found.files, found.file_limit) == (14269, None)


def test_lustre() -> None:
    found = only(commands.LUSTRE, LUSTRE)
    assert found.owner == "user alice"
    assert found.limit_gb == pytest.approx(1.2288, abs=1e-4)
    assert found.files == 786
    long = only(commands.LUSTRE_LONG, LUSTRE._replace(place=Path("/mnt/lustre/with/a/long/name")))
    assert (long.owner, long.file_limit) == ("group lab", 1_100_000)


def test_xfs() -> None:
    found = only(commands.XFS, DISK._replace(kind="xfs"))
    assert (found.owner, found.files, found.file_limit) == ("user", 3, None)
    assert found.used_gb == found.limit_gb
    long = Mount("/dev/mapper/volume-with-a-long-name", Path("/data"), "xfs")
    assert only(commands.XFS_LONG, long).file_limit == 9


@pytest.mark.parametrize(
    "said",
    [
        "",
        "Disk quotas for user root (uid 0): none\n",
        "/dev/sdb1 1 0 0 0 5 0 0 0\n",  # no limit
        "/dev/sdb1 1 2\n",
        "/dev/sdb1 many 2 3 0 5 0 0 0\n",
        "/dev/sdb1 1 2 3 4 5 6 7 8 9 10 11 12\n",
        "/dev/sdc1 1 2 3 0 5 0 0 0\n",  # another file system
        "quota: error while getting quota\n/dev/sdb1\n",
        "\x00\xff | \n\n",
    ],
)
def test_what_is_not_understood_is_left_out(said: str) -> None:
    assert list(read_quotas(said, DISK)) == []


def test_a_device_by_another_name(tmp_path: Path) -> None:
    """Volumes have several names, links to one."""
    device = tmp_path / "dm-0"
    device.touch()
    (tmp_path / "volume").symlink_to(device)
    said = f"{tmp_path}/volume 1 2 3 0 5 0 0 0"
    assert only(said, Mount(str(device), Path("/data"), "ext4")).files == 5


def test_the_command_that_a_file_system_has(system: FakeCommands) -> None:
    assert quotas(DISK) == ([], "")
    system.answer("quota", commands.QUOTA, status=1)  # a quota that is exceeded is a failure
    found, silent = quotas(DISK)
    assert ([quota.owner for quota in found], silent) == (["user alice", "group lab"], "")
    assert system.heard("quota") == ["-u -g -w -p"]


def test_lustre_is_asked_for_user_and_group(system: FakeCommands) -> None:
    system.answer("lfs", commands.LUSTRE)
    system.answer("quota", error="not asked", status=1)
    found, _ = quotas(LUSTRE)
    assert len(found) == 2
    assert [line.split()[1] for line in system.heard("lfs")] == ["-u", "-g"]
    assert system.heard("quota") == []


def test_xfs_is_asked_where_the_usual_command_says_nothing(system: FakeCommands) -> None:
    system.answer("quota", "Disk quotas for user root (uid 0): none\n")
    system.answer("xfs_quota", commands.XFS)
    [found], _ = quotas(DISK._replace(kind="xfs"))
    assert found.files == 3


@pytest.mark.slow
def test_a_command_that_hangs(system: FakeCommands) -> None:
    """As it does where a file server is gone; nothing of it is left."""
    system.answer("quota", after_s=60)
    found, silent = quotas(DISK)
    assert (found, silent) == ([], "quota did not answer for 3 s")
