"""Replay in a run: refused early, planned, prepared beside the data, counted apart."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from forget.errors import SettingsError
from forget.method import TrainingSettings
from forget.settings import build
from test_run import arguments, forget


@pytest.mark.slow
@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("arithmetic", "is the dataset that is trained on"),
        ("gsm9k", "Did you mean 'gsm8k'"),
        ("none.jsonl", "there is no such file"),
    ],
)
def test_refused_before_anything_is_written(
    source: str,
    said: str,
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    command = arguments(tiny_model, out, replay=0.25, replay_from=source)
    status, _, err = forget(command, capsys)
    assert status != 0
    assert said in " ".join(err.split())
    assert not out.exists()


def test_a_method_that_takes_none_refuses_it() -> None:
    method = SimpleNamespace(settings=TrainingSettings)
    with pytest.raises(SettingsError, match="There is no setting 'replay' of method x"):
        build(method.settings, {"replay": "0.1"}, where="method x")


@pytest.mark.slow
def test_from_gsm8k_into_arithmetic(
    tiny_model: Path, mirror: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, data = tmp_path / "out", f"--data={mirror}"
    command = [*arguments(tiny_model, out, replay=0.25, replay_from="gsm8k"), data, "--json"]
    status, said, _ = forget([*command, "--dry-run"], capsys)
    steps = {step["what"]: step["done"] for step in json.loads(said)["runs"][0]["steps"]}
    assert steps["prepare replay of gsm8k"] is False
    status, said, _ = forget(command, capsys)
    assert status == 0
    assert [c["step"] for c in json.loads(said)["checkpoints"]] == [2, 4, 6]
    status, said, _ = forget([*command, "--dry-run"], capsys)
    assert all(step["done"] for step in json.loads(said)["runs"][0]["steps"])
    status, said, _ = forget(["data", f"--out={out}", data, "--json"], capsys)
    prepared = [line for line in json.loads(said)["datasets"] if line["runs"]]
    assert [(line["dataset"], line["purpose"], line["rows"]) for line in prepared] == [
        ("arithmetic", "GT-SFT training", 40),
        ("gsm8k", "GT-SFT replay", 2),
    ]
    [replay] = out.glob("runs/*/*/*/*/*/replay")
    model = f"--model={tiny_model}"
    status, said, _ = forget(["data", "show", str(replay), model, data, "--json"], capsys)
    assert json.loads(said)["lengths"]["rows"] == 2
    status, said, _ = forget(
        ["data", "verify", str(replay), data, f"--out={out}", "--json"], capsys
    )
    assert (status, json.loads(said)["checks"][0]["state"]) == (0, "intact")
