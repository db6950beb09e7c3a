"""Which Python this is, and whether what is installed there is by itself."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from importlib.metadata import metadata

from packaging.specifiers import SpecifierSet

from forget.doctor.diagnosis import Check, Found
from forget.doctor.packages import DISTRIBUTION

__all__ = ["python"]


def python() -> Iterator[Check]:
    """Yield the checks of the interpreter."""
    yield Check("environment", "Python", _version)
    yield Check("environment", "virtual environment", _environment)


def _version() -> Found:
    wanted = metadata(DISTRIBUTION)["Requires-Python"]
    version = platform.python_version()
    if SpecifierSet(wanted).contains(version, prereleases=True):
        return Found(f"{version} ({sys.executable})")
    return Found(
        f"{version}, but {DISTRIBUTION} is for {wanted}",
        "problem",
        "make an environment of another Python, and install it there",
    )


def _environment() -> Found:
    if sys.prefix != sys.base_prefix:
        return Found(sys.prefix)
    conda = os.environ.get("CONDA_PREFIX")
    if conda is not None and sys.prefix == conda:
        return Found(f"{conda}, of conda")
    return Found(
        "none: packages of the system and of other projects are mixed with these",
        "note",
        "python3 -m venv .venv, and install it there; in a container this does not matter",
    )
