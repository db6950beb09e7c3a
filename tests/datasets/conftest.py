from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data mirror with the published datasets; tests that need it skip without it."""
    named = os.environ.get("FORGET_TEST_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[3] / "shared" / "data"
    if not root.is_dir():
        pytest.skip(f"no data mirror at {root}; name one with FORGET_TEST_DATA")
    return root
