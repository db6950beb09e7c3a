"""What `forget report` refuses, and what it says of what is not there."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import attrs
import pytest
from click.testing import CliRunner, Result

from forget.cli import group
from forget.errors import ForgetError, OutputError, RequestError
from forget.evaluation.record import SweepRecord, read_record, write_record
from forget.store.layout import Workspace


def report(*arguments: Any) -> Result:
    return CliRunner().invoke(group, ["report", *map(str, arguments)])


def refusal(*arguments: Any) -> ForgetError:
    error = report(*arguments).exception
    assert isinstance(error, ForgetError)
    assert "\n" not in str(error)
    return error


@pytest.fixture
def out(full: SweepRecord, tmp_path: Path) -> Path:
    """An output folder with one comparison."""
    write_record(Workspace(tmp_path).comparison("x"), full)
    return tmp_path


def test_a_page_that_is_a_folder(out: Path) -> None:
    (out / "page").mkdir()
    error = refusal("--out", out, "--html", out / "page")
    assert isinstance(error, OutputError)
    assert "is a folder or a device: name a file with --html" in str(error)


def test_a_page_that_is_no_file_is_not_replaced(out: Path) -> None:
    os.mkfifo(out / "pipe")
    assert "name a file with --html" in str(refusal("--out", out, "--html", out / "pipe"))
    assert (out / "pipe").is_fifo()


@pytest.mark.slow
def test_a_link_to_a_page_stays_a_link(out: Path) -> None:
    (out / "latest.html").symlink_to(out / "page.html")
    assert report("--out", out, "--html", out / "latest.html").exit_code == 0
    assert (out / "latest.html").is_symlink()
    assert (out / "page.html").is_file()


def test_a_page_below_a_file(out: Path) -> None:
    (out / "file").touch()
    assert "--html" in str(refusal("--out", out, "--html", out / "file" / "page.html"))


def test_no_format_of_figures(out: Path) -> None:
    error = refusal("--out", out, "--figures", out / "figures", "--format", " ,")
    assert isinstance(error, RequestError)
    assert str(error) == "Name a format of figures: pdf, png, svg."
    assert not (out / "figures").exists()


def test_a_format_of_nothing(out: Path) -> None:
    result = report("--out", out, "--format", "svg")
    assert result.exit_code == 2
    assert "name their folder with --figures" in result.stderr


@pytest.mark.slow
def test_a_run_that_is_not_evaluated_yet_is_named(out: Path) -> None:
    run = Workspace(out).run("demo", "tiny", "sums", "gt-sft", 7)
    run.path.mkdir(parents=True)
    run.runfile.touch()
    said = f"not evaluated yet, so not in the report: {run.path}\n"
    assert report("--out", out, "--json").stderr == said
    write_record(run.sweep, read_record(Workspace(out).comparison("x")))
    assert report("--out", out, "--json").stderr == ""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["out/[best]/last", "out/[/best]", "out/:x:"])
def test_names_are_shown_as_they_are(full: SweepRecord, tmp_path: Path, name: str) -> None:
    models = [attrs.evolve(line, name=f"{name}{line.step}", step=None) for line in full.checkpoints]
    record = attrs.evolve(full, title=name, checkpoints=tuple(models))
    for identity in "ab":
        write_record(Workspace(tmp_path).comparison(identity), record)
    lines = report("--out", tmp_path).stdout.splitlines()
    told = [line for line in lines if "│" in line and f"{name}200" in line]
    assert len(told) == 2, "a line of the table of all runs for each comparison"
