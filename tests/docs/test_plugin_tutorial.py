"""docs/tutorials/your-own-plugin.md and the example distribution that it makes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from docs.documents import Command, commands, document
from docs.examples import ExampleDistribution, printed_files
from docs.test_commands import answered_as_documented
from forget.cli import group
from forget.plugins import Kind, load_plugins
from forget.testing import BenchmarkConformance, MethodConformance

TUTORIAL = document("docs/tutorials/your-own-plugin.md")
EXAMPLE = ExampleDistribution("forget-dpo")
COMMANDS = list(commands("", TUTORIAL, "forget"))


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have the example installed."""
    with EXAMPLE.installed(tmp_path / "site", monkeypatch):
        yield


def test_the_files_of_the_example_are_printed_as_they_are() -> None:
    assert printed_files(TUTORIAL) == EXAMPLE.files()


def test_what_the_scaffold_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And the example has all files that it writes."""
    monkeypatch.chdir(tmp_path)
    [command] = [c for c in COMMANDS if c.line.startswith("forget new")]
    result = CliRunner().invoke(group, command.line.split()[1:], catch_exceptions=False)
    assert result.stdout.strip() == command.output
    written = tmp_path / EXAMPLE.name
    for path in (p.relative_to(written) for p in written.rglob("*") if p.is_file()):
        assert (EXAMPLE.folder / path).is_file(), path


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("kind", "name"), [("methods", "dpo"), ("benchmarks", "measures")])
def test_the_example_is_listed_as_installed(kind: Kind, name: str) -> None:
    result = CliRunner().invoke(group, ["list", kind, "--json"], catch_exceptions=False)
    [line] = [line for line in json.loads(result.stdout) if line["name"] == name]
    assert (line["status"], line["provider"]) == ("installed", "forget-dpo 0.1.0")
    assert not load_plugins().broken


@pytest.mark.slow
@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("command", [c for c in COMMANDS if c.refused], ids=lambda c: c.line)
def test_its_mistake_is_answered_as_documented(
    command: Command,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    answered_as_documented(command, empty, monkeypatch, capsys)


@pytest.mark.slow
def test_its_tests_pass() -> None:
    kits = (MethodConformance, BenchmarkConformance)
    collected = [name for kit in kits for name in dir(kit) if name.startswith("test_")]
    assert EXAMPLE.passed() >= len(collected)
