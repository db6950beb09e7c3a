"""Versions against what is allowed and what was tested, by distributions made for a test."""

from __future__ import annotations

import importlib
import re
import sys
from pathlib import Path

import pytest

from forget.doctor.diagnosis import Found
from forget.doctor.packages import installed, packages, versions_file
from forget.doctor.python import python


class Distributions:
    """A folder of distributions that comes before all others."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = folder
        folder.mkdir()
        monkeypatch.syspath_prepend(folder)

    def add(self, name: str, version: str, *requires: str) -> None:
        """Write what ``pip install`` would leave of a distribution; without a version, a wreck."""
        info = self._folder / f"{name.replace('-', '_')}-{version or 'wreck'}.dist-info"
        info.mkdir()
        lines = [f"Name: {name}", *([f"Version: {version}"] if version else [])]
        lines += [f"Requires-Dist: {one}" for one in requires]
        (info / "METADATA").write_text("Metadata-Version: 2.1\n" + "\n".join(lines) + "\n")
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Distributions:
    return Distributions(tmp_path / "site", monkeypatch)


def look(name: str) -> Found:
    [check] = [check for check in (*python(), *packages()) if check.name == name]
    return check.look()


def pinned(name: str) -> str:
    lines = versions_file().read_text().splitlines()
    return next(line.partition("==")[2] for line in lines if line.startswith(f"{name}=="))


def test_this_environment_will_do() -> None:
    found = {check.name: check.look() for check in (*python(), *packages())}
    assert [name for name, what in found.items() if what.state == "problem"] == []
    assert sys.executable in found["Python"].text
    assert all(what.remedy for what in found.values() if what.state == "note")


def test_another_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    found = look("Python")
    assert found.state == "problem"
    assert "3.9.1, but forget-llm is for <3.14,>=3.11" in found.text


@pytest.mark.parametrize(
    ("prefix", "conda", "state", "text"),
    [
        ("/usr", None, "note", "none"),
        ("/usr", "/usr", "fine", "/usr, of conda"),
        ("/elsewhere", None, "fine", "/elsewhere"),
    ],
)
def test_an_environment_of_its_own(
    prefix: str, conda: str | None, state: str, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "prefix", prefix)
    monkeypatch.setattr(sys, "base_prefix", "/usr")
    monkeypatch.delenv("CONDA_PREFIX", raising=False)
    if conda is not None:
        monkeypatch.setenv("CONDA_PREFIX", conda)
    found = look("virtual environment")
    assert (found.state, text in found.text) == (state, True)


def test_a_package_that_is_too_old(site: Distributions) -> None:
    site.add("trl", "0.9.0")
    found = look("trl")
    assert (found.state, found.command) == ("problem", "pip install forget-llm")
    assert found.text == "trl 0.9.0, but <1.17,>=1.16 is required"


def test_a_version_that_was_not_tested_is_a_note(site: Distributions) -> None:
    site.add("torch", "2.9.1+cu128")
    found = look("torch")
    assert found.state == "note"
    assert f"torch 2.9.1+cu128 was not tested, but {pinned('torch')}" in found.text
    assert f"pip install --constraint {versions_file()} forget-llm" in found.remedy


def test_a_build_of_the_version_that_was_tested(site: Distributions) -> None:
    site.add("torch", f"{pinned('torch')}+cu130")
    assert look("torch") == Found(f"{pinned('torch')}+cu130")


def test_other_packages(site: Distributions) -> None:
    assert look("other packages").state == "fine"
    site.add("rich", "99.1")
    found = look("other packages")
    assert found.state == "note"
    assert f"1 rich 99.1 was not tested, but {pinned('rich')}" in found.text
    site.add("pyarrow", "")
    site.add("scipy", "0.1")
    found = look("other packages")
    assert found.state == "problem"
    assert "pyarrow is not installed" in found.text
    assert "scipy 0.1, but >=1.15 is required" in found.text


def test_a_version_that_is_none(site: Distributions) -> None:
    site.add("rich", "of old")
    assert "rich of old, but" in look("other packages").text


def test_a_package_without_its_files(site: Distributions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)  # as where nothing finds it
    site.add("trl", pinned("trl"))
    found = look("trl")
    assert found.state == "problem"
    assert "files are not there" in found.text


def test_what_packages_require_of_each_other(site: Distributions) -> None:
    site.add("rich", pinned("rich"), "pygments>=999", 'colour>=1; extra == "more"')
    found = look("conflicts")
    assert found.state == "note"
    assert f"rich {pinned('rich')}: pygments " in found.text
    assert "but >=999 is required" in found.text
    assert found.remedy.startswith("if something fails there: pip install ")
    assert "'pygments>=999'" in found.remedy


def test_what_a_package_requires_and_nobody_has(site: Distributions) -> None:
    site.add("rich", pinned("rich"), "no-such-thing[extra]>=2", 'other; python_version < "3"')
    found = look("conflicts")
    assert found.state == "problem"
    assert "no-such-thing is not installed" in found.text
    assert "other" not in found.text
    assert "'no-such-thing>=2'" in found.command


def test_of_many_conflicts_some_are_named(site: Distributions) -> None:
    site.add("rich", pinned("rich"), *(f"missing-{number}" for number in range(9)))
    text = look("conflicts").text
    assert text.count("is not installed") == 5
    assert re.search(r"; and \d more$", text)


def test_packages_that_require_each_other(site: Distributions) -> None:
    site.add("rich", pinned("rich"), "circle")
    site.add("circle", "1", "rich")
    assert "circle" not in look("conflicts").text


def test_what_is_installed(site: Distributions) -> None:
    site.add("some-thing", "1.5")
    assert installed("Some_Thing") == "1.5"
    assert installed("no-such-thing") is None
