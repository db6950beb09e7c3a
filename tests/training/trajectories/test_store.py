from __future__ import annotations

import json
from pathlib import Path

import pytest

from forget.completion import Completion
from forget.errors import DataError
from forget.training.trajectories.store import (
    About,
    CompletionStore,
    Stored,
    open_store,
    read_about,
    read_contents,
)


def stored(n: int, text: str = "größer als zwei\n") -> Stored:
    return Stored(f"{n:016x}", f"train-{n}", 0, Completion(text=text, finished=True, tokens=n))


@pytest.fixture
def store(tmp_path: Path) -> CompletionStore:
    found = open_store(tmp_path, "org/data", "Big Model", teacher={"a": 1}, sampling={"t": 0.7})
    for n in range(3):
        found.add(stored(n))
    return found


def test_round_trip(store: CompletionStore) -> None:
    assert store.read() == {stored(n).ask: stored(n).completion for n in range(3)}
    assert read_contents(store.folder).completions == [stored(n) for n in range(3)]


def test_folder_tells_dataset_and_teacher_and_differs_by_identity(tmp_path: Path) -> None:
    folders = {
        open_store(tmp_path, "org/data", name, teacher={"a": 1}, sampling={"t": t}).folder
        for t, name in ((0.7, "Big Model"), (0.8, "Big Model"), (0.7, "other"))
    }
    assert len(folders) == 3
    assert {f.parent for f in folders} == {tmp_path / "org--data"}
    first, second = (
        open_store(tmp_path, "org/data", "Big Model", teacher={}, sampling=sampling).folder
        for sampling in ({"t": 0.7, "p": 1}, {"p": 1, "t": 0.7})
    )
    assert first == second
    assert first.name.startswith("Big-Model-")


def test_equal_weights_by_another_name_have_the_same_store(tmp_path: Path) -> None:
    ours, theirs = {"model_digest": "ab", "name": "x"}, {"model_digest": "ab", "name": "y"}
    first = open_store(tmp_path, "d", "x", teacher=ours, sampling={})
    first.add(stored(0))
    assert open_store(tmp_path, "d", "y", teacher=theirs, sampling={}) == first


@pytest.mark.parametrize("cut", [1, 5, 40])
def test_line_cut_short_by_a_crash_is_asked_again(store: CompletionStore, cut: int) -> None:
    path = store.folder / "completions.jsonl"
    path.write_bytes(path.read_bytes()[:-cut])
    assert set(store.read()) == {stored(n).ask for n in range(2)}
    store.add(stored(9))  # not behind half a line
    assert set(store.read()) == {stored(n).ask for n in (0, 1, 9)}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda line: line.replace("zwei", "drei"),
        lambda line: line.replace('"finished": true', '"finished": false'),
        lambda line: "[1, 2]",
        lambda line: "\ufffd\ufffd",
        lambda line: "",
        lambda line: '{"digest": "x"}',
        lambda line: json.dumps({k: v for k, v in json.loads(line).items() if k != "tokens"}),
    ],
)
def test_line_edited_by_hand_does_not_count_and_the_others_do(
    store: CompletionStore, spoil: object
) -> None:
    path = store.folder / "completions.jsonl"
    first, second, third = path.read_text(encoding="utf-8").splitlines()
    assert callable(spoil)
    path.write_text("\n".join([first, spoil(second), third, ""]), encoding="utf-8")
    found = read_contents(store.folder)
    assert (len(found.completions), found.damaged) == (2, [2])
    assert set(store.read()) == {stored(n).ask for n in (0, 2)}
    assert read_contents(store.folder).damaged == []


def test_head_says_whose_completions_these_are(store: CompletionStore) -> None:
    about = About(
        dataset="data", teacher={"name": "big"}, sampling={"top_p": 0.9}, questions=3, samples=2
    )
    store.describe(about)
    assert read_about(store.folder) == about
    assert about.expected == 6


def test_empty_store(tmp_path: Path) -> None:
    assert open_store(tmp_path, "d", "t", teacher={}, sampling={}).read() == {}


def test_a_store_of_a_later_release_is_left_alone(store: CompletionStore) -> None:
    store.describe(About(dataset="d", teacher={}, sampling={}, questions=3, samples=1))
    head = json.loads((store.folder / "store.json").read_text())
    (store.folder / "store.json").write_text(json.dumps({**head, "format": 2}))
    lines = store.folder / "completions.jsonl"
    lines.write_text(lines.read_text().replace("ask", "question"))
    before = lines.read_bytes()
    for read in (store.read, lambda: read_about(store.folder)):
        with pytest.raises(DataError, match="written by a later forget: it has format 2"):
            read()
    assert lines.read_bytes() == before


@pytest.mark.parametrize("head", ["", "{", "[]", '{"format": "new"}'])
def test_a_damaged_head_does_not_hide_completions(store: CompletionStore, head: str) -> None:
    (store.folder / "store.json").write_text(head)
    assert len(store.read()) == 3
