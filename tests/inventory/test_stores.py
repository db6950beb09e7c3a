from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.errors import DataError
from forget.inventory.prepared import prepared_entries
from forget.inventory.records import teacher_label
from forget.inventory.stores import store_entries, store_folders
from forget.training.trajectories.store import ABOUT, LINES, read_about, read_contents
from study_data import SF, make_store, reseal, trajectories


def test_how_far_it_is(out: Path, store: Path) -> None:
    [entry] = store_entries(out)
    assert (entry.rows, entry.expected, entry.state) == (3, 20, "unfinished")
    assert (entry.format, entry.dataset, entry.teacher) == (
        "trajectories", "arithmetic", "qwen3-32b",
    )  # fmt: skip
    assert entry.runs == (SF,)
    assert entry.folder == store.relative_to(out).as_posix()
    assert (entry.sampling["samples"], entry.bytes) == (2, (store / LINES).stat().st_size)


@pytest.mark.parametrize(
    ("teacher", "label"),
    [
        ({"name": "qwen3-32b", "model": "qwen3-32b"}, "qwen3-32b"),
        ({"name": "vllm", "model": "smollm2-135m"}, "vllm (smollm2-135m)"),
        ({"name": "server", "model": ""}, "server"),
        ({}, ""),
    ],
)
def test_a_teacher_is_called_by_its_name_and_its_models(
    teacher: dict[str, str], label: str
) -> None:
    assert teacher_label(teacher) == label


def test_a_complete_one(tmp_path: Path) -> None:
    make_store(tmp_path, [("a", 0, "x"), ("a", 1, "y")], questions=1)
    [entry] = store_entries(tmp_path)
    assert (entry.rows, entry.expected, entry.state) == (2, 2, "complete")


def test_an_answer_that_was_asked_twice_counts_once(tmp_path: Path) -> None:
    make_store(tmp_path, [("a", 0, "x"), ("a", 0, "other"), ("a", 1, "y")], questions=2)
    [entry] = store_entries(tmp_path)
    assert (entry.rows, entry.state) == (2, "unfinished")
    found = read_contents(entry.path or tmp_path).completions
    assert [line.completion.text for line in found] == ["x", "y"]


def test_a_cut_last_line_does_not_count(store: Path) -> None:
    file = store / LINES
    file.write_bytes(file.read_bytes()[:-1])  # whole but for its end: its writer was stopped
    found = read_contents(store)
    assert (len(found.completions), found.damaged, found.cut) == (2, [], True)
    file.write_bytes(file.read_bytes()[:-30])
    assert read_contents(store).cut


def test_an_edited_line_is_found_by_its_digest(store: Path) -> None:
    file = store / LINES
    file.write_text(file.read_text().replace("It is 7", "It is 8"))
    found = read_contents(store)
    assert found.damaged == [2]


@pytest.mark.parametrize("line", ["", "{", "[]", "3", '{"example": "a"}', "\x00"])
def test_a_line_that_is_no_completion(line: str, out: Path, store: Path) -> None:
    file = store / LINES
    file.write_text(f"{line}\n{file.read_text()}")
    found = read_contents(store)
    assert (len(found.completions), found.damaged) == (3, [1])
    [entry] = store_entries(out)
    assert (entry.state, entry.rows) == ("damaged", 3)
    assert "1 damaged line" in entry.problem


SPOILT: list[tuple[Callable[[Path], Any], str]] = [
    (lambda head: head.unlink(), "has no store.json"),
    (lambda head: head.write_text("{"), "was cut or edited"),
    (lambda head: head.write_text("[]"), "was cut or edited"),
    (lambda head: head.write_text(json.dumps({"dataset": "x"})), "was cut or edited"),
    (lambda head: head.write_bytes(b"\xff"), "was cut or edited"),
]


@pytest.mark.parametrize(("spoil", "says"), SPOILT)
def test_a_damaged_head(spoil: Callable[[Path], Any], says: str, out: Path, store: Path) -> None:
    spoil(store / ABOUT)
    with pytest.raises(DataError, match=says):
        read_about(store)
    [entry] = store_entries(out)
    assert (entry.state, entry.dataset, entry.rows) == ("damaged", "arithmetic", 3)


def test_a_store_without_answers_yet(out: Path, store: Path) -> None:
    (store / LINES).unlink()
    [entry] = store_entries(out)
    assert (entry.state, entry.rows, entry.bytes) == ("unfinished", 0, 0)


def test_foreign_files_are_no_stores(out: Path, store: Path) -> None:
    (out / "trajectories" / "README").write_text("mine")
    (out / "trajectories" / "arithmetic" / "notes").mkdir()
    (out / "trajectories" / "arithmetic" / ".x.partial-host-1").mkdir()
    (out / "trajectories" / "arithmetic" / ".x.partial-host-1" / ABOUT).write_text("{}")
    assert store_folders(out) == [store]


def test_counted_quickly(out: Path, store: Path) -> None:
    [whole], [quick] = store_entries(out), store_entries(out, quick=True)
    assert quick == whole
    (store / LINES).write_text("?\n" * 20)
    [quick] = store_entries(out, quick=True)
    assert (quick.rows, quick.state) == (20, "complete")
    (store / LINES).unlink()
    assert store_entries(out, quick=True)[0].rows == 0


def test_the_pass_rate_that_was_found_when_data_were_made_of_it(out: Path, store: Path) -> None:
    assert store_entries(out)[0].pass_rate is None
    where = store.relative_to(out).as_posix()
    reseal(out / SF / "data", trajectories={**trajectories(where), "pass_rate": 0.75})
    assert store_entries(out)[0].pass_rate == 0.75
    [entry] = [e for e in prepared_entries(out, str) if SF in e.runs]
    assert entry.pass_rate == 0.75
