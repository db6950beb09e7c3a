from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from forget.cli import group
from forget.errors import DataError
from forget.evaluation.record import SweepRecord, read_record, write_record
from forget.store.layout import RunFolder, Workspace
from forget.verdict.findings import collect
from forget.verdict.records import find_records


@pytest.fixture
def run(full: SweepRecord, tmp_path: Path) -> RunFolder:
    """One run directory that has been evaluated."""
    return make_run(tmp_path, full, seed=0)


def make_run(root: Path, record: SweepRecord | None, seed: int) -> RunFolder:
    run = Workspace(root).run("demo", "tiny", "sums", "gt-sft", seed)
    run.path.mkdir(parents=True)
    run.runfile.touch()
    if record is not None:
        write_record(run.sweep, record)
    return run


# --- finding


def test_a_run_directory(run: RunFolder, full: SweepRecord, tmp_path: Path) -> None:
    assert find_records([run.path], Path("/nowhere")) == [(full, run.path, tmp_path)]


@pytest.mark.parametrize("path", [".", "../seed-0", "checkpoints/.."])
def test_a_run_directory_named_from_within(
    run: RunFolder,
    full: SweepRecord,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    path: str,
) -> None:
    run.checkpoints.mkdir()
    monkeypatch.chdir(run.path)
    [(record, _, root)] = find_records([Path(path)], Path())
    assert root == tmp_path
    assert collect(record, root).checkpoints[0].missing == ()


def test_a_link_to_a_run_directory(run: RunFolder, full: SweepRecord, tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to(run.path)
    assert find_records([tmp_path / "latest"], tmp_path) == [(full, tmp_path / "latest", tmp_path)]


def test_a_run_that_is_named_twice_is_taken_once(
    run: RunFolder, full: SweepRecord, tmp_path: Path
) -> None:
    other = make_run(tmp_path, full, seed=1)
    again = run.path.parent / "." / "seed-1" / ".." / "seed-0"
    found = find_records([run.path, other.path, again], tmp_path)
    assert [one.path for one in found] == [run.path, other.path]


def test_everything_below_an_output_folder(
    run: RunFolder, full: SweepRecord, tmp_path: Path
) -> None:
    make_run(tmp_path, None, seed=1)
    workspace = Workspace(tmp_path)
    for age, identity in enumerate("ba"):
        write_record(workspace.comparison(identity), full)
        os.utime(workspace.comparison(identity), (2000 - age, 2000 - age))
    found = find_records([], tmp_path)
    paths = [run.path, *(workspace.comparison(identity) for identity in "ab")]
    assert found == [(full, path, tmp_path) for path in paths]


def test_an_output_folder_without_anything(tmp_path: Path) -> None:
    make_run(tmp_path, None, seed=1)
    with pytest.raises(DataError, match=r"nothing to report below .*--out"):
        find_records([], tmp_path)


def test_a_folder_that_is_no_run_directory(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not a run directory: it has no run\.toml"):
        find_records([tmp_path], tmp_path)


def test_a_run_that_has_not_been_evaluated(tmp_path: Path) -> None:
    run = make_run(tmp_path, None, seed=1)
    with pytest.raises(DataError, match=r"seed-1 has not been evaluated yet"):
        find_records([run.path], tmp_path)


def test_a_run_directory_that_was_moved_away(run: RunFolder, tmp_path: Path) -> None:
    moved = tmp_path / "a" / "b" / "c" / "d" / "e" / "moved"
    shutil.copytree(run.path, moved)
    with pytest.raises(DataError, match="does not stand where runs do"):
        find_records([moved], tmp_path)


# --- records


def test_a_record_comes_back(full: SweepRecord, tmp_path: Path) -> None:
    write_record(tmp_path / "x.json", full)
    assert read_record(tmp_path / "x.json") == full


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"3", b"{}", b"\xff\xfe", b'{"title": 3}', b'{"surplus": 1}'],
)
def test_a_damaged_record(run: RunFolder, tmp_path: Path, content: bytes) -> None:
    run.sweep.write_bytes(content)
    with pytest.raises(DataError, match=r"sweep\.json is damaged: ") as caught:
        find_records([run.path], tmp_path)
    assert "\n" not in str(caught.value)


# --- forget report


@pytest.mark.usefixtures("run")
def test_the_command_prints_one_sweep_as_an_object(tmp_path: Path) -> None:
    result = CliRunner().invoke(group, ["report", "--out", str(tmp_path), "--json"])
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert [c["average"]["delta"] for c in found["checkpoints"]] == [0.0, 0.0]


@pytest.mark.slow
def test_the_command_prints_several_as_a_list(
    run: RunFolder, full: SweepRecord, tmp_path: Path
) -> None:
    other = make_run(tmp_path, full, seed=1)
    paths = [str(run.path), str(other.path)]
    result = CliRunner().invoke(group, ["report", *paths, "--json"])
    assert [len(found["checkpoints"]) for found in json.loads(result.stdout)["runs"]] == [2, 2]
    text = CliRunner().invoke(group, ["report", *paths]).stdout
    assert text.count("step-000200 against tiny") == 2
    assert text.count("a title") == 2
