"""Where caches are, which variable says so, how large they are, and those that cannot grow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from forget.doctor import caches as module
from forget.doctor.caches import caches
from forget.doctor.diagnosis import Found
from forget.session import Session

Open = Callable[..., Session]
VARIABLES = ("FORGET_CACHE", "HF_HUB_CACHE", "HF_DATASETS_CACHE", "XDG_CACHE_HOME")


@pytest.fixture(autouse=True)
def nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def look(session: Session, name: str) -> Found:
    [check] = [check for check in caches(session) if check.name == name]
    return check.look()


def fill(folder: Path, size: int) -> None:
    folder.mkdir(parents=True)
    with (folder / "weights").open("wb") as file:
        file.truncate(size)


def test_the_usual_places(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    session = open_lazily()
    monkeypatch.delenv("HF_HOME")
    places = {check.name: check.look().text for check in caches(session)}
    assert places["converted models"] == f"{tmp_path}/.cache/forget, not there yet"
    assert places["Hub's models"] == f"{tmp_path}/.cache/huggingface/hub, not there yet"
    assert places["Hub's data"] == f"{tmp_path}/.cache/huggingface/datasets, not there yet"
    assert places["trajectories"] == f"{tmp_path}/out/trajectories, not there yet"
    assert places["data mirror"].startswith("none: data come from the Hub")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "name", "below"),
    [
        ("FORGET_CACHE", "converted models", ""),
        ("XDG_CACHE_HOME", "converted models", "/forget"),
        ("HF_HOME", "Hub's models", "/hub"),
        ("HF_HUB_CACHE", "Hub's models", ""),
        ("HF_HOME", "Hub's data", "/datasets"),
        ("HF_DATASETS_CACHE", "Hub's data", ""),
    ],
)
def test_the_variable_that_moves_a_cache(
    variable: str,
    name: str,
    below: str,
    open_lazily: Open,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    session = open_lazily()
    monkeypatch.setenv(variable, f"{tmp_path}/elsewhere")
    fill(Path(f"{tmp_path}/elsewhere{below}"), 2_500_000_000)
    found = look(session, name)
    assert found.state == "fine"
    assert found.text.startswith(
        f"{tmp_path}/elsewhere{below} (by {variable}), 2.5 GB; file system"
    )


def test_what_links_lead_to_counts_once(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The Hub's snapshots are links to its blobs."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    fill(tmp_path / "hub" / "blobs", 1_000_000_000)
    (tmp_path / "hub" / "snapshot").symlink_to(tmp_path / "hub" / "blobs" / "weights")
    (tmp_path / "hub" / "folder").symlink_to(tmp_path / "hub" / "blobs")
    assert ", 1.0 GB;" in look(open_lazily(), "Hub's models").text


def test_a_cache_that_takes_long_to_add_up(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOKING_S", -1.0)
    monkeypatch.setenv("FORGET_CACHE", str(tmp_path / "cache"))
    fill(tmp_path / "cache", 1_000_000_000)
    assert ", more than 1.0 GB;" in look(open_lazily(), "converted models").text


@pytest.mark.parametrize("place", ["file", "/proc/forget"])
def test_a_cache_that_cannot_grow(
    place: str, open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file is where it would be, or its file system takes no files, of root either."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("FORGET_CACHE", str(tmp_path / place))
    found = look(open_lazily(), "converted models")
    assert found.state == "note"
    assert "cannot be" in found.text
    assert found.remedy.endswith("or name another folder: FORGET_CACHE")


def test_a_data_mirror(open_lazily: Open, mirror: Path, tmp_path: Path) -> None:
    assert look(open_lazily(data=mirror), "data mirror").text == f"{mirror}, 0.0 GB"
    (tmp_path / "file").touch()
    file = look(open_lazily(data=tmp_path / "file"), "data mirror")
    assert (file.state, file.text) == ("problem", f"{tmp_path / 'file'} is no folder")
    found = look(open_lazily(data=tmp_path / "gone"), "data mirror")
    assert found.state == "problem"
    assert "FORGET_DATA" in found.remedy
