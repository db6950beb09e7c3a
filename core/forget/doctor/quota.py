"""What this user may still write where the file system keeps accounts: quotas of space and files.

Three commands tell of them, each in columns of its own: ``quota`` of most file systems (Linux
DiskQuota), ``lfs quota`` of Lustre, ``xfs_quota`` of XFS. Sites change their output, so a line that
is not understood is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from forget.doctor.asking import ask, is_there
from forget.doctor.mounts import Mount

__all__ = ["Quota", "quotas", "read_quotas"]

_OWNER = re.compile(r"^Disk quotas for (?P<kind>\w+) (?P<name>\S+)")
_KIBIBYTE_GB = 1.024e-6
_GRACES = re.compile(r"\[(?!\d+\])[^\]]*\]")
"""XFS's grace may be several words: ``[6 days]``."""

_SECOND = {6: 3, 8: 4, 10: 5}
"""Number of columns to where those of files begin: without grace, with it, with XFS's warnings."""

_ONE_GRACE = 7


class Quota(NamedTuple):
    """What one owner has, and may have.

    Attributes:
        owner: Whose it is: ``user alice``, ``group lab``.
        used_gb: What is written [GB].
        limit_gb: What may be [GB]; None for no limit.
        files: How many files there are.
        file_limit: How many there may be; None for no limit.
    """

    owner: str
    used_gb: float
    limit_gb: float | None
    files: int
    file_limit: int | None

    def __str__(self) -> str:
        """Write it as ``user alice: 12.0 of 50.0 GB, 4,000 of 100,000 files``."""
        space = f"{self.used_gb:,.1f}" + (f" of {self.limit_gb:,.1f}" if self.limit_gb else "")
        files = f"{self.files:,}" + (f" of {self.file_limit:,}" if self.file_limit else "")
        return f"{self.owner}: {space} GB, {files} files"


def quotas(mount: Mount) -> tuple[list[Quota], str]:
    """Return the quotas of this user and its group on a file system, and who did not answer.

    Args:
        mount: The file system.
    """
    silent = ""
    for commands in _ways(mount):
        found: list[Quota] = []
        for words in commands:
            answer = ask(words)
            # Its status tells of a quota that is exceeded as well.
            found += read_quotas(answer.said, mount, words)
            silent = silent or (answer.why_not if answer.status is None else "")
        if found:
            return found, silent
    return [], silent


def _ways(mount: Mount) -> Iterator[list[list[str]]]:
    """Yield the ways to find out, each some commands, the most likely first."""
    place, user, group = str(mount.place), str(os.getuid()), str(os.getgid())
    if mount.kind == "lustre" and is_there("lfs"):
        yield [["lfs", "quota", "-u", user, place], ["lfs", "quota", "-g", group, place]]
    elif is_there("quota"):
        yield [["quota", "-u", "-g", "-w", "-p"]]
    if mount.kind == "xfs" and is_there("xfs_quota"):
        yield [["xfs_quota", "-c", f"quota -N -b -i -u {user}", place]]


def read_quotas(said: str, mount: Mount, words: Sequence[str] = ()) -> Iterator[Quota]:
    """Yield the quotas in what a command printed that are of a file system and have a limit.

    Args:
        said: What it printed.
        mount: The file system.
        words: The command; its ``-g`` or ``-u`` is the owner where it prints none.
    """
    owner = "group" if "-g" in words else "user"
    start = ""
    for line in said.splitlines():
        named = _OWNER.match(line)
        if named is not None:
            # Lustre says `usr` and `grp`.
            owner = f"{'group' if named['kind'].startswith('gr') else 'user'} {named['name']}"
            start = ""
            continue
        fields = _GRACES.sub(" - ", start + line).split()
        start = f"{line} " if len(fields) == 1 else ""  # a long name has a line by itself
        if len(fields) > 1 and _is_of(fields[0], mount):
            yield from _row(owner, fields[1:])


def _is_of(name: str, mount: Mount) -> bool:
    if name in (mount.device, str(mount.place)):
        return True
    here = name.startswith("/") and mount.device.startswith("/")
    return here and os.path.realpath(name) == os.path.realpath(mount.device)


def _row(owner: str, fields: Sequence[str]) -> Iterator[Quota]:
    numbers = _numbers(fields)
    if numbers is None:
        return
    used, soft, hard, files, file_soft, file_hard = numbers
    if any((soft, hard, file_soft, file_hard)):
        limit, most = hard or soft, file_hard or file_soft
        yield Quota(
            owner,
            used * _KIBIBYTE_GB,
            limit * _KIBIBYTE_GB if limit else None,
            int(files),
            int(most) if most else None,
        )


def _numbers(fields: Sequence[str]) -> list[float] | None:
    """Return used, soft and hard limit of space and of files; None if they are not understood."""
    columns = [field for field in fields if not field.startswith("/")]  # XFS ends with the place
    second = _SECOND.get(len(columns))
    if second is None and len(columns) == _ONE_GRACE:
        # One of the two has a column of grace: that which is over its limit.
        second = 4 if columns[0].endswith("*") or _number(columns[3]) is None else 3
    if second is None:
        return None
    found = [_number(column) for column in (*columns[:3], *columns[second : second + 3])]
    return [number for number in found if number is not None] if None not in found else None


def _number(text: str) -> float | None:
    """Read a number of KiB or of files: ``12*`` is over the limit, ``[12]`` may have changed."""
    found = re.fullmatch(r"\[?(\d+)\]?\*?", text)
    return float(found[1]) if found else None
