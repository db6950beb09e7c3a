"""Distributions as they are published: built by hatchling, without a network."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

__all__ = ["ROOT", "build"]

ROOT = Path(__file__).parents[1]


def build(project: Path, target: str, folder: Path) -> Path:
    """Build one file with the hatchling of this environment."""
    folder.mkdir()
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(folder)],
        cwd=project,
        check=True,
        capture_output=True,
    )
    [made] = folder.iterdir()
    return made
