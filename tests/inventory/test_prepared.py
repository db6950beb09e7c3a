from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.inventory.prepared import data_folders, prepared_entries
from forget.inventory.records import Entry
from forget.training import read_examples
from forget.training.examples import content_digest
from study_data import GT, SF, TEACHER, reseal


def entries(out: Path) -> dict[str, Entry]:
    return {entry.folder: entry for entry in prepared_entries(out, str.upper)}


def test_equal_data_is_one_line(out: Path) -> None:
    found = entries(out)
    assert list(found) == [f"{GT.format(0)}/data", f"{SF}/data"]
    first = found[f"{GT.format(0)}/data"]
    assert first.runs == (GT.format(0), GT.format(1))
    assert first.digest == content_digest(read_examples(out / GT.format(0) / "data"))
    assert (first.format, first.rows, first.state, first.purpose) == (
        "SFT", 8, "complete", "GT-SFT training",
    )  # fmt: skip
    assert first.kept_fraction == 1.0
    assert first.bytes == (out / GT.format(0) / "data" / "train.parquet").stat().st_size


def test_what_is_left_of_a_teacher(out: Path) -> None:
    found = entries(out)[f"{SF}/data"]
    assert (found.teacher, found.kept_fraction, found.rows) == (TEACHER["name"], 0.8, 5)
    assert (found.sampling["temperature"], found.sampling["samples"]) == (0.7, 2)


def test_prompts_alone(out: Path) -> None:
    manifest = out / SF / "data" / "manifest.json"
    plain = json.loads(manifest.read_text())
    del plain["details"]["completion_tokens"]
    manifest.write_text(json.dumps(plain))
    assert entries(out)[f"{SF}/data"].format == "prompts"


def test_pairs(out: Path) -> None:
    reseal(out / SF / "data", pairs=5)
    assert entries(out)[f"{SF}/data"].format == "pairs"


def spoil_size(data: Path) -> None:
    file = data / "train.parquet"
    file.write_bytes(file.read_bytes()[:-1])


SPOILT: list[tuple[Callable[[Path], Any], str]] = [
    (spoil_size, "train.parquet has"),
    (lambda data: (data / "train.parquet").unlink(), "train.parquet is missing"),
    (lambda data: (data / "manifest.json").unlink(), "no manifest.json"),
    (lambda data: (data / "manifest.json").write_text("{"), "manifest.json is not a manifest"),
    (lambda data: (data / "manifest.json").write_text("[]"), "manifest.json is not a manifest"),
    (lambda data: (data / "manifest.json").write_bytes(b"\xff"), "is not a manifest"),
    (lambda data: reseal(data, rows="many"), "no rows"),
    (lambda data: reseal(data, digest=None), "no digest"),
]


@pytest.mark.parametrize(("spoil", "says"), SPOILT)
def test_damage_is_a_line_of_its_own(spoil: Callable[[Path], Any], says: str, out: Path) -> None:
    spoil(out / GT.format(1) / "data")
    found = entries(out)
    damaged = found[f"{GT.format(1)}/data"]
    assert (damaged.state, damaged.rows) == ("damaged", None)
    assert says in damaged.problem
    assert found[f"{GT.format(0)}/data"].runs == (GT.format(0),)


@pytest.mark.parametrize("value", [None, "x", 3, [], {"teacher": 3, "sampling": "x"}])
def test_odd_trajectories_do_no_harm(value: Any, out: Path) -> None:
    reseal(out / SF / "data", trajectories=value)
    found = entries(out)[f"{SF}/data"]
    assert (found.state, found.teacher, found.kept_fraction) == ("complete", "", 1.0)


def test_foreign_files_are_no_data(out: Path) -> None:
    before = data_folders(out)
    (out / "runs" / "notes.txt").write_text("mine")
    (out / "runs" / "phase1" / "tiny" / "arithmetic" / "gt-sft" / "old").mkdir()
    (out / GT.format(0).replace("seed-0", "seed-7")).mkdir()
    (out / GT.format(0) / "data" / ".hidden").write_text("x")
    assert data_folders(out) == before
    assert entries(out)[f"{GT.format(0)}/data"].state == "complete"


def test_an_empty_folder(tmp_path: Path) -> None:
    assert prepared_entries(tmp_path, str) == []
    assert prepared_entries(tmp_path / "none", str) == []
