"""One stage at a time comes to the same as `forget run`."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from forget.cli import main
from forget.errors import WorkError
from forget.progress import Silent
from forget.scheduler.jobs import JobLine, jobs_of
from forget.scheduler.work import work
from made_study import Study
from test_run import arguments, forget, results


def stage(command: list[str], *words: str) -> list[str]:
    """Return the command of one stage of the run that a command does."""
    return ["work", *words, *command[1:]]


@pytest.mark.slow
def test_stage_by_stage_it_is_the_same_run(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    whole, parts = (arguments(tiny_model, tmp_path / name) for name in ("whole", "parts"))
    assert forget(whole, capsys)[0] == 0
    states = []
    for words in (
        ["evaluate", "base"],
        ["prepare"],
        ["train"],
        ["evaluate", "step-000004"],
        ["evaluate"],
    ):
        status, said, _ = forget(["plan", *parts[1:], "--json"], capsys)
        assert status == 0
        units = json.loads(said)["units"]
        states.append({unit["name"].rpartition("seed-0/")[2]: unit["state"] for unit in units})
        assert forget(stage(parts, *words), capsys)[0] == 0
    base = f"demo/{tiny_model.name}/arithmetic/base"
    assert states == [
        {base: "ready", "prepare": "ready", "train": "waiting", "evaluate": "waiting"},
        {base: "done", "prepare": "ready", "train": "waiting", "evaluate": "waiting"},
        {base: "done", "prepare": "done", "train": "ready", "evaluate": "waiting"},
        {
            base: "done", "prepare": "done", "train": "done", "evaluate/step-000002": "ready",
            "evaluate/step-000004": "ready", "evaluate/step-000006": "ready",
        },
        {
            base: "done", "prepare": "done", "train": "done", "evaluate/step-000002": "ready",
            "evaluate/step-000004": "done", "evaluate/step-000006": "ready",
        },
    ]  # fmt: skip
    assert results(tmp_path / "parts") == results(tmp_path / "whole")
    status, said, _ = forget(["plan", *parts[1:], "--json"], capsys)
    found = json.loads(said)
    assert {unit["state"] for unit in found["units"]} == {"done"}
    assert found["left"]["seconds"] == 0
    assert all(unit["seconds"] > 0 for unit in found["units"])
    [journal] = (tmp_path / "parts").rglob("work.jsonl")
    taken = [json.loads(line) for line in journal.read_text().splitlines()]
    assert [(line["stage"], line["models"]) for line in taken] == [
        ("evaluate", 1), ("prepare", 0), ("train", 0), ("evaluate", 1), ("evaluate", 2)
    ]  # fmt: skip
    assert all(0.1 < line["peak_gb"] < 50 and line["status"] == "done" for line in taken)
    assert forget(stage(parts, "evaluate"), capsys)[2].count("There is nothing left to do.") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train"], "its data are not prepared. Do `forget work prepare`"),
        (["evaluate", "step-000100"], "no 'step-000100' to evaluate; there is base"),
        (["train", "base"], "To train takes no models, but got base"),
    ],
)
def test_what_cannot_be_done_yet_is_refused(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    words: list[str], message: str,
) -> None:  # fmt: skip
    status, _, said = forget(stage(arguments(tiny_model, tmp_path / "out"), *words), capsys)
    assert status == 2
    assert message in " ".join(said.split())
    assert not (tmp_path / "out").exists()


def test_a_plan_for_no_process(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, said = forget(["plan", "--method", "gt-sft", "--slots", "0"], capsys)
    assert status == 2
    assert "--slots must be at least 1, but is 0" in said


def test_a_run_must_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("work", "plan"):
        with pytest.raises(SystemExit) as end:
            main([command, *(["train"] if command == "work" else [])])
        assert end.value.code == 2
        assert "Choose a --method" in capsys.readouterr().err


class Failing:
    """Stages of which none can be done."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def __call__(self, *_: Any) -> Failing:
        return self

    def train(self) -> None:
        raise self._error

    def unfinished(self, name: str) -> bool:
        return name != "base"

    def evaluate(self, names: Sequence[str]) -> None:
        raise self._error


@pytest.mark.slow
@pytest.mark.parametrize(
    ("error", "status", "why"),
    [
        (WorkError("The loss is no number."), "failed", "The loss is no number."),
        (ZeroDivisionError("by zero"), "failed", "ZeroDivisionError: by zero"),
        (KeyboardInterrupt(), "interrupted", None),
    ],
)
def test_why_a_stage_failed_is_kept(
    study: Study, monkeypatch: pytest.MonkeyPatch, error: BaseException, status: str,
    why: str | None,
) -> None:  # fmt: skip
    run = study.untrain("gt-sft")
    monkeypatch.setattr("forget.scheduler.work.Stages", Failing(error))
    with pytest.raises(type(error)):
        work(run, "train", (), study.session, Silent())
    [record] = [json.loads(line) for line in run.folder.work_journal.read_text().splitlines()]
    assert (record["status"], record.get("why")) == (status, why)
    assert study.training("gt-sft").state == ("failed" if why else "data ready")


def test_others_see_what_is_evaluated_here(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    run = study.run("gt-sft")
    seen: list[JobLine] = []

    class Looking(Failing):
        def evaluate(self, names: Sequence[str]) -> None:
            seen.extend(jobs_of(study.workspace))

    run.folder.evaluating.mkdir()
    left, young = (run.folder.evaluating / name for name in ("there-1", "there-2"))
    left.touch()
    young.touch()
    os.utime(left, (0, 0))
    monkeypatch.setattr("forget.scheduler.work.Stages", Looking(WorkError()))
    work(run, "evaluate", ("base", "step-000100", "step-000200"), study.session, Silent())
    units = tuple(study.unit("gt-sft", "evaluate", f"step-000{step}") for step in (100, 200))
    assert [line.units for line in seen] == [units]
    assert list(run.folder.evaluating.iterdir()) == [young]
