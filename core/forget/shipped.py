"""Files that come with the package and are not code: the registry, the versions tested together."""

from __future__ import annotations

from pathlib import Path

__all__ = ["shipped_file"]


def shipped_file(name: str) -> Path:
    """Return a file that ships beside the package (a wheel) or at the top of the source tree."""
    beside = Path(__file__).with_name(name)
    return beside if beside.is_file() else Path(__file__).parents[2] / name
