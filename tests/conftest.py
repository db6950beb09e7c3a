"""What tests of several folders share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tiny_models import make_model


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a random Llama of a few thousand parameters, with a chat template."""
    import torch

    torch.set_num_threads(1)  # two threads on a busy machine wait for each other
    return make_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The data mirror with the published datasets; tests that need it skip without it."""
    named = os.environ.get("FORGET_TEST_DATA")
    root = Path(named) if named else Path(__file__).resolve().parents[2] / "shared" / "data"
    if not root.is_dir():
        pytest.skip(f"no data mirror at {root}; name one with FORGET_TEST_DATA")
    return root
