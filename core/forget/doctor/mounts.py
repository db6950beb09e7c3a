"""Which file system holds a folder."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from forget.store.atomic import existing_ancestor

__all__ = ["Mount", "mount_of"]


class Mount(NamedTuple):
    """A file system where it is mounted.

    Attributes:
        device: What is mounted: ``/dev/sda1``, ``server:/export``.
        place: Where.
        kind: ``ext4``, ``nfs4``, ``lustre``.
    """

    device: str
    place: Path
    kind: str


def mount_of(folder: Path) -> Mount:
    """Return the file system that holds a folder, or would if that were made."""
    import psutil

    place = existing_ancestor(folder).resolve()
    mounts = [p for p in psutil.disk_partitions(all=True) if place.is_relative_to(p.mountpoint)]
    if not mounts:
        return Mount("", Path("/"), "unknown")
    # Of two mounts at one place the later one covers the other.
    last = max(reversed(mounts), key=lambda mount: len(mount.mountpoint))
    return Mount(last.device, Path(last.mountpoint), last.fstype)
