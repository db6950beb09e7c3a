"""Who is at work below an output folder is seen by the locks that are held."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.evaluation.record import SweepRecord, read_record
from forget.progress import Silent
from forget.run import carry_out
from forget.scheduler.jobs import JobLine, jobs_of, last_line
from forget.store.layout import RunFolder, Workspace
from forget.store.lock import exclusive
from made_study import Study

RUN = "phase1/tiny/gsm8k/gt-sft/seed-0"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path)


@pytest.fixture
def run(workspace: Workspace) -> RunFolder:
    return workspace.run("phase1", "tiny", "gsm8k", "gt-sft", 0)


def units(workspace: Workspace) -> tuple[str, ...]:
    [line] = jobs_of(workspace)
    return line.units


def test_nobody(workspace: Workspace, run: RunFolder) -> None:
    assert jobs_of(workspace) == []
    with exclusive(run.lock, "train"):
        pass
    assert jobs_of(workspace) == []


@pytest.mark.parametrize(
    ("doing", "expected"),
    [
        (("prepare",), (f"{RUN}/prepare",)),
        (("train",), (f"{RUN}/train",)),
        (("evaluate", "base"), ("phase1/tiny/gsm8k/base",)),
        (
            ("evaluate", "step-000100", "step-000200 wise 0.50"),
            (f"{RUN}/evaluate/step-000100", f"{RUN}/evaluate/step-000200-wise-0.50"),
        ),
    ],
)
def test_what_a_process_says_that_it_does(
    workspace: Workspace, run: RunFolder, doing: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    with exclusive(run.lock, *doing):
        [line] = jobs_of(workspace)
    job, where = f"process {os.getpid()}", platform.node()
    assert line == JobLine(expected, "running", job, where, "", None)


def test_of_one_that_does_not_say_it_is_guessed(workspace: Workspace, run: RunFolder) -> None:
    with exclusive(run.lock):
        assert units(workspace) == (f"{RUN}/prepare",)
        run.data.mkdir()
        assert units(workspace) == (f"{RUN}/train",)


def test_processes_that_evaluate_at_the_same_time(workspace: Workspace, run: RunFolder) -> None:
    with (
        exclusive(run.lock, "train"),
        exclusive(run.evaluating / "a", "evaluate", "step-000100"),
        exclusive(run.evaluating / "b", "evaluate", "base"),
    ):
        (run.evaluating / "left").write_text("process 1 on here\nevaluate\nbase")
        assert [line.units for line in jobs_of(workspace)] == [
            (f"{RUN}/train",), (f"{RUN}/evaluate/step-000100",), ("phase1/tiny/gsm8k/base",),
        ]  # fmt: skip


def test_what_it_said_last(workspace: Workspace, run: RunFolder) -> None:
    run.work_logs.mkdir(parents=True)
    for number, (path, text) in enumerate(
        [
            (run.log, "a library\n"),
            (run.work_logs / "train.log", "old\n"),
            (run.work_logs / "generate.log", "asking\n\n"),
        ]
    ):
        path.write_text(text)
        os.utime(path, (number, number))
    with exclusive(run.lock, "prepare"):
        [line] = jobs_of(workspace)
    assert (line.detail, line.log) == ("asking", run.work_logs / "generate.log")
    with exclusive(run.lock, "train"):
        assert jobs_of(workspace)[0].detail == "old"


def test_the_last_line_of_a_long_log(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("x\n" * 5000 + "the end\n")
    assert last_line(tmp_path / "log") == "the end"
    assert last_line(tmp_path / "other") == ""
    (tmp_path / "log").write_text("\n")
    assert last_line(tmp_path / "log") == ""


def test_what_a_whole_run_does_is_seen_step_by_step(
    study: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = study.run("gt-sft")
    record = read_record(run.folder.sweep)
    seen: list[str] = []

    class Looking:
        def __init__(self, *_: Any) -> None: ...

        def prepare(self) -> None:
            seen.extend(units(study.workspace))

        def train(self) -> SweepRecord:
            seen.extend(units(study.workspace))
            return record

        def evaluate(self, names: Sequence[str]) -> None:
            seen.extend(units(study.workspace))

    monkeypatch.setattr("forget.run.Stages", Looking)
    carry_out(run, study.session, Silent())
    assert seen == [
        study.unit("gt-sft", "prepare"),
        "large/model/arithmetic/base",
        study.unit("gt-sft", "train"),
        study.unit("gt-sft", "evaluate", "step-000100"),
        study.unit("gt-sft", "evaluate", "step-000200"),
    ]
