"""An output folder with the data of several runs, and a mirror."""

from __future__ import annotations

from pathlib import Path

import pytest

from study_data import make_run, make_store, reseal, trajectories

RUNS = "phase1/tiny/arithmetic"


@pytest.fixture(scope="session")
def original(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of GT-SFT with equal data, one run of SF-SFT, and its store."""
    out = tmp_path_factory.mktemp("original")
    for seed in (0, 1):
        make_run(out, tiny_model, f"{RUNS}/gt-sft/seed-{seed}")
    run = make_run(out, tiny_model, f"{RUNS}/sf-sft/seed-0", count=5)
    texts = [
        ("train-00000", 0, "So 330.\n#### 330"),
        ("train-00000", 1, "It is 7.\n#### 7"),
        ("train-00001", 0, "é 1"),
    ]
    store = make_store(out, texts, questions=10)
    reseal(run / "data", trajectories=trajectories(store.relative_to(out).as_posix()))
    return out


@pytest.fixture
def out(original: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    import shutil

    return Path(shutil.copytree(original, tmp_path / "out"))


@pytest.fixture
def store(out: Path) -> Path:
    """The store of completions in it."""
    [folder] = (out / "trajectories" / "arithmetic").iterdir()
    return folder
