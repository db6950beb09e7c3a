"""A plugin is written wholly or not at all, and over nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from forget.errors import OutputError, StorageError
from forget.scaffold.naming import KINDS, PluginKind, names_of
from forget.scaffold.writing import render, write

FILES = {"pyproject.toml": "[project]\n", "package/__init__.py": ""}


def content(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8")
        for path in folder.rglob("*")
        if path.is_file()
    }


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written(kind: PluginKind) -> None:
    files = render(names_of("a-b", kind), "0.1.0")
    expected = {
        "pyproject.toml", "README.md", "forget_a_b/__init__.py", "forget_a_b/py.typed",
        "tests/test_a_b.py",
    }  # fmt: skip
    beside = {"forget_a_b/items.py", "forget_a_b/a_b.yaml"} if kind == "benchmark" else set()
    assert files.keys() == expected | beside
    for path, text in files.items():
        assert "{%" not in text, path
        assert not text or text.endswith("\n"), path
        assert "\n\n\n\n" not in text, path
    project = tomllib.loads(files["pyproject.toml"])["project"]
    assert project["name"] == "forget-a-b"
    assert project["entry-points"] == {"forget": {"a-b": "forget_a_b"}}


@pytest.mark.parametrize(
    ("version", "wanted"), [("1.2.3", ">=1.2.3"), ("1.2.dev3+local", ">=1.2.dev3"), ("0+x", ">=0")]
)
def test_it_requires_the_version_it_was_written_for(version: str, wanted: str) -> None:
    for kind in KINDS:
        text = render(names_of("x", kind), version)["pyproject.toml"]
        required = [Requirement(r) for r in tomllib.loads(text)["project"]["dependencies"]]
        [ours] = [r for r in required if r.name == "forget-llm"]
        assert str(ours.specifier) == wanted


def test_a_name_that_yaml_would_take_for_something_else() -> None:
    """``task: on`` is true."""
    import yaml

    text = render(names_of("on", "benchmark"), "1")["forget_on/on.yaml"]
    assert yaml.safe_load(text.replace("!function ", ""))["task"] == "on"


def test_folders_above_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    write(FILES, folder)
    assert content(folder) == FILES
    assert [path.name for path in folder.parent.iterdir()] == ["b"]


@pytest.mark.parametrize("there", ["file", "full", "empty", "link"])
def test_nothing_is_overwritten(there: str, tmp_path: Path) -> None:
    folder = tmp_path / "x"
    if there == "file":
        folder.write_text("mine")
    elif there == "link":
        folder.symlink_to(tmp_path / "nowhere")
    else:
        folder.mkdir()
        (folder / "mine").write_text("mine") if there == "full" else None
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(OutputError, match="nothing is overwritten") as failure:
        write(FILES, folder)
    assert str(folder) in str(failure.value)
    assert "--path" in str(failure.value)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_another_made_meanwhile_is_theirs(tmp_path: Path) -> None:
    """It appears while ours is being written."""
    folder = tmp_path / "x"

    class Slow(dict[str, str]):
        def items(self):  # type: ignore[no-untyped-def]
            folder.mkdir()
            (folder / "theirs").write_text("theirs")
            return super().items()

    with pytest.raises(OutputError, match="nothing is overwritten"):
        write(Slow(FILES), folder)
    assert content(folder) == {"theirs": "theirs"}
    assert list(tmp_path.iterdir()) == [folder]


def test_a_folder_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="--path"):
        write(FILES, tmp_path / "file" / "x")


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = Path.write_text

    def full(path: Path, text: str, **options: str) -> int:
        if path.name == "__init__.py":
            raise OSError(28, "No space left on device")
        return whole(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="disk is full"):
        write(FILES, tmp_path / "x")
    assert list(tmp_path.iterdir()) == []
