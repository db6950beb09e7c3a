"""`forget new plugin`: what it says, and what it refuses before anything is written."""

from __future__ import annotations

from pathlib import Path

import pytest

from forget.cli import main


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("FORGET_PLUGINS", raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def new(*arguments: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["new", "plugin", *arguments])
    assert isinstance(end.value.code, int)
    return end.value.code


def test_it_says_what_is_there_and_what_to_type(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new("short-answers", "--kind", "method") == 0
    said = capsys.readouterr()
    assert said.err == ""
    heading, *lines = said.out.splitlines()
    assert heading == (
        "Written to forget-short-answers, a plugin that brings the method 'short-answers':"
    )
    files, commands = lines[: lines.index("Next:")], lines[lines.index("Next:") + 1 :]
    folder = here / "forget-short-answers"
    assert {line.strip() for line in files} == {
        path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
    }
    assert [line.strip() for line in commands] == [
        "cd forget-short-answers",
        "pip install --editable '.[test]'",
        "pytest",
        "forget run --method short-answers",
    ]
    readme = (folder / "README.md").read_text(encoding="utf-8")
    assert all(f"$ {line.strip()}\n" in readme for line in commands[1:])


def test_the_folder_can_be_chosen(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert new("x", "--kind", "dataset", "--path", "some where/x") == 0
    assert "cd 'some where/x'\n" in capsys.readouterr().out
    assert (here / "some where" / "x" / "pyproject.toml").is_file()
    assert [path.name for path in here.iterdir()] == ["some where"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["Short", "--kind", "method"], "Try 'short'."),
        (["gt-sft", "--kind", "method"], "forget-llm"),
        (["x", "--kind", "teacher", "--path", "."], "nothing is overwritten"),
        (["x", "--kind", "model"], "'model' is not one of"),
        (["x"], "Missing option '--kind'"),
    ],
)
def test_what_is_refused(
    arguments: list[str], expected: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert new(*arguments) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert expected in said.err
    assert "Traceback" not in said.err
    assert list(here.iterdir()) == []
