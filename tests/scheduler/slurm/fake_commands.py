"""Stand-ins for Slurm's commands, first in PATH."""

from __future__ import annotations

import os
import shlex
from pathlib import Path

import pytest


class FakeCommands:
    """A folder of commands that a test puts before all others.

    Args:
        folder: An empty folder.
        monkeypatch: Sets PATH for the test.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        folder.mkdir()
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def answer(
        self, command: str, said: str = "", *, error: str = "", status: int = 0, after_s: float = 0
    ) -> None:
        """Have a command say something and end so."""
        lines = [
            "#!/bin/bash",
            f"printf '%s\\n' \"$*\" >>{shlex.quote(str(self.folder / command))}.heard",
            f'[ "${{0##*/}}" != sbatch ] || cat >{shlex.quote(str(self.folder / "script"))}',
            f"sleep {after_s}" if after_s else "",
            f"printf %s {shlex.quote(said)}",
            f"printf %s {shlex.quote(error)} >&2",
            f"exit {status}",
        ]
        path = self.folder / command
        path.write_text("\n".join(lines) + "\n")
        path.chmod(0o755)

    def heard(self, command: str) -> list[str]:
        """Return the arguments of each call of a command."""
        path = self.folder / f"{command}.heard"
        return path.read_text().splitlines() if path.is_file() else []

    @property
    def script(self) -> bytes:
        """What `sbatch` read last."""
        return (self.folder / "script").read_bytes()
