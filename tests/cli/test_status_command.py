"""`forget status` on the command line."""

from __future__ import annotations

import json
import os
import pty
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from forget.cli import main
from forget.store.lock import exclusive
from made_study import Study

CAPTURE = pytest.CaptureFixture[str]


def status(out: Path, *options: str) -> int:
    with pytest.raises(SystemExit) as end:
        main(["status", "--out", str(out), *options])
    return int(end.value.code or 0)


@pytest.mark.slow
def test_all_that_was_asked_of_a_folder(study: Study, capsys: CAPTURE) -> None:
    assert status(study.out) == 0
    said = capsys.readouterr()
    assert said.err == ""
    for text in ("Training runs", "Key results so far", "not started", "6 of 15 units are left"):
        assert text in said.out


def test_nothing_but_what_is_kept_of_results_is_written(study: Study, capsys: CAPTURE) -> None:
    def files() -> set[Path]:
        return {path.relative_to(study.out) for path in study.out.rglob("*") if path.is_file()}

    before = files()
    assert status(study.out) == 0
    assert files() - before == {Path("reports/status.json")}
    assert before <= files()


def test_an_empty_folder(tmp_path: Path, capsys: CAPTURE) -> None:
    assert status(tmp_path / "out") == 0
    assert "Nothing was asked of" in capsys.readouterr().out
    assert not (tmp_path / "out").exists()


def test_runs_that_are_named(study: Study, capsys: CAPTURE) -> None:
    registry = ("--registry", str(study.root / "registry.toml"))
    assert status(study.out, "--study", "large", "--method", "pi", *registry, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert [line["method"] for line in found["training"]] == ["PI"]
    assert [line["done"] for line in found["sweeps"]] == [1]
    assert found["data"] == []


def test_a_broken_request_is_a_line_and_no_failure(study: Study, capsys: CAPTURE) -> None:
    (study.root / "registry.toml").unlink()
    assert status(study.out) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "cannot be planned any more" in said
    assert "gt-sft" in said  # what is on disk is shown all the same


@pytest.mark.slow
def test_who_is_at_work_here(study: Study, capsys: CAPTURE) -> None:
    run = study.untrain("gt-sft", keep=1)
    with exclusive(run.folder.lock, "train"):
        assert status(study.out, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["jobs"][0]["units"] == [study.unit("gt-sft", "train")]
    [line] = [line for line in found["training"] if line["method"] == "GT-SFT"]
    assert line["state"] == "running"
    assert found["next"] == []


@pytest.mark.slow
def test_a_file_of_markdown(study: Study, tmp_path: Path, capsys: CAPTURE) -> None:
    file = tmp_path / "docs" / "TRACKER.md"
    assert status(study.out, "--markdown", str(file)) == 0
    assert capsys.readouterr().out == ""
    assert status(study.out, "--markdown", "-") == 0
    printed = capsys.readouterr().out
    assert printed.startswith("# Experiment Status Tracker\n")
    assert file.read_text().splitlines()[4:] == printed.splitlines()[4:]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--dataset", "gsm8k"], "--dataset is for runs that are named here"),
        (["--registry", "x.toml"], "--registry is for runs that are named here"),
        (["--device", "cpu"], "--device is for runs that are named here"),
        (["--watch", "--json"], "Choose one of --watch and --json"),
        (["--markdown", "-", "--json"], "Choose one of --markdown and --json"),
        (["--watch"], "--watch draws anew on a terminal, and standard output is none"),
        (["--watch", "0"], "0.0 is not in the range"),
        (["--study", "unheard"], "no study named 'unheard'"),
    ],
    ids=" ".join,
)
def test_what_means_nothing_is_refused(
    tmp_path: Path, capsys: CAPTURE, options: list[str], message: str
) -> None:
    assert status(tmp_path / "out", *options) == 2
    said = capsys.readouterr()
    assert message in " ".join(said.err.split())
    assert said.out == ""
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_watching_draws_anew_until_it_is_interrupted(study: Study) -> None:
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "forget", "status", "--out", str(study.out), "--watch", "0.1"]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100", "LINES": "200"}
    process = subprocess.Popen(command, stdout=theirs, stderr=theirs, env=environment)
    os.close(theirs)
    said = b""
    try:
        while said.count(b"Training runs") < 2:
            said += os.read(ours, 65536)
        run = study.run("gt-sft").folder
        shutil.rmtree(run.checkpoints)
        while b"0 of 2" not in said.rpartition(b"Training runs")[2]:
            said += os.read(ours, 65536)
        process.send_signal(signal.SIGINT)
        while True:
            try:
                said += os.read(ours, 65536)
            except OSError:  # Linux: the other end is closed
                break
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        os.close(ours)
    assert b"Traceback" not in said
    assert b"interrupted" not in said


@pytest.mark.slow
def test_a_large_study_is_shown_at_once(
    tmp_path_factory: pytest.TempPathFactory, capsys: CAPTURE
) -> None:
    """100 runs of 15 checkpoints, 16,511 evaluations; the goal is a second, start included."""
    from made_study import script

    root = tmp_path_factory.mktemp("large")
    script().make_folder(root, 100, 15)
    assert status(root / "out") == 0
    times = []
    for _ in range(3):
        begun = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "forget", "status", "--out", str(root / "out")],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        times.append(time.perf_counter() - begun)
    print(f"forget status: {min(times):.2f} s; goal 1 s")
    assert min(times) < 4
