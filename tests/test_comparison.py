"""Which checkpoints `forget eval` takes, and in which order."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.comparison import find_checkpoints
from forget.errors import ModelError, RequestError
from tiny_models import make_hollow_model

NAMES = ("checkpoint-100", "checkpoint-1000", "checkpoint-200", "final")
IN_ORDER = ["checkpoint-100", "checkpoint-200", "checkpoint-1000"]


@pytest.fixture
def trained(tmp_path: Path) -> Path:
    """A trainer's output folder."""
    for name in NAMES:
        make_hollow_model(tmp_path / "trained" / name)
    return tmp_path / "trained"


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in find_checkpoints(paths)]


def test_a_folder_stands_for_its_checkpoints(trained: Path) -> None:
    assert names([trained]) == IN_ORDER


def test_what_a_shell_gives_is_sorted_by_step(trained: Path) -> None:
    assert names(sorted(trained.iterdir())) == [*IN_ORDER, "final"]


def test_folders_stay_in_the_order_in_which_they_are_given(trained: Path, tmp_path: Path) -> None:
    other = make_hollow_model(tmp_path / "other" / "step-000001")
    given = [trained / "final", other, trained / "checkpoint-200"]
    assert names(given) == ["checkpoint-200", "final", "step-000001"]
    assert names([other, trained]) == ["step-000001", *IN_ORDER]


def test_what_is_no_model_is_refused(trained: Path) -> None:
    with pytest.raises(ModelError, match="absent"):
        find_checkpoints([trained / "absent"])
    with pytest.raises(RequestError, match="at least one checkpoint"):
        find_checkpoints([])
