from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.errors import FrozenRunError
from forget.store.runfile import differences, freeze, read

SETTINGS: dict[str, Any] = {
    "seed": 0,
    "benchmarks": ("mmlu", "piqa"),
    "limit": None,
    "method": {"name": "gt-sft", "settings": {"lr": 1e-5, "epochs": 3.0, "max_steps": None}},
}


@attrs.frozen
class Record:
    lr: float
    steps: int | None = None


def test_the_first_start_freezes_settings_and_provenance(tmp_path: Path) -> None:
    path = tmp_path / "run" / "run.toml"
    freeze(path, SETTINGS, {"version": "1", "gpu": None, "folder": Path("x")})
    found = read(path)
    assert found["provenance"] == {"version": "1", "folder": "x"}
    assert found["settings"] == {
        "seed": 0,
        "benchmarks": ["mmlu", "piqa"],
        "method": {"name": "gt-sft", "settings": {"lr": 1e-5, "epochs": 3.0}},
    }


def test_the_same_settings_continue_and_keep_the_first_provenance(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    freeze(path, SETTINGS, {"version": "1"})
    before = path.read_bytes()
    freeze(path, SETTINGS, {"version": "2"})
    assert path.read_bytes() == before


def test_records_freeze_like_tables(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    freeze(path, {"settings": Record(lr=0.1)}, {})
    freeze(path, {"settings": {"lr": 0.1}}, {})
    with pytest.raises(FrozenRunError, match=r"settings\.steps was not set, now 3"):
        freeze(path, {"settings": Record(lr=0.1, steps=3)}, {})


def test_other_settings_are_refused_with_the_difference(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    freeze(path, SETTINGS, {})
    before = path.read_bytes()
    other = {
        **SETTINGS,
        "limit": 5,
        "method": {"name": "gt-sft", "settings": {"lr": 1e-3, "epochs": 3.0}},
    }
    with pytest.raises(FrozenRunError) as caught:
        freeze(path, other, {})
    message = str(caught.value)
    assert str(tmp_path) in message
    assert "limit was not set, now 5; method.settings.lr was 1e-05, now 0.001" in message
    assert "epochs" not in message
    for flag in ("--study", "--seed", "--out"):
        assert flag in message
    assert path.read_bytes() == before


@pytest.mark.parametrize("content", [b"[settings\n", b"\xff\xfe", b"a = \n"])
def test_a_damaged_run_file(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.toml"
    path.write_bytes(content)
    with pytest.raises(FrozenRunError, match=r"run\.toml is not a readable run file"):
        freeze(path, SETTINGS, {})
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("frozen", "wanted", "found"),
    [
        ({}, {}, []),
        ({"a": 1}, {"a": 1.0}, []),
        ({"a": 1}, {"a": 2}, ["a was 1, now 2"]),
        ({"a": 1}, {}, ["a was 1, now not set"]),
        ({}, {"a": [1]}, ["a was not set, now [1]"]),
        ({"a": [1]}, {"a": [1, 2]}, ["a was [1], now [1, 2]"]),
        ({"b": {"c": {"d": 1}}}, {"b": {"c": {"d": 2}}}, ["b.c.d was 1, now 2"]),
        ({"b": {"c": 1}}, {"b": 3}, ["b was {'c': 1}, now 3"]),
        ({"z": 1, "a": 1}, {"z": 2, "a": 2}, ["a was 1, now 2", "z was 1, now 2"]),
    ],
)
def test_differences(frozen: Any, wanted: Any, found: list[str]) -> None:
    assert differences(frozen, wanted) == found
