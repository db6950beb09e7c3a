"""One stage at a time comes to the same as `forget run`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from forget.cli import main
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
