"""What the tests of jobs share."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheduler.slurm.fake_commands import FakeCommands


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    """Slurm's commands as far as a test has them answer."""
    return FakeCommands(tmp_path / "bin", monkeypatch)
