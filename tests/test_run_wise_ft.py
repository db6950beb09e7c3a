"""`wise_ft` in a run: made of the last checkpoint, evaluated, reported, planned, added later."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forget.errors import SettingsError
from forget.method import TrainingSettings
from forget.settings import build, training_identity
from forget.training.plan import training_digest
from test_run import arguments, forget

FAST: dict[str, Any] = {"max_steps": 3, "checkpoint_every": 2}


def test_it_is_no_part_of_what_is_trained() -> None:
    plain, wise = TrainingSettings(), TrainingSettings(wise_ft=(0.5,))
    assert training_identity(plain) == training_identity(wise)
    assert training_digest(plain, 0, "d") == training_digest(wise, 0, "d")


def test_shares_that_are_none() -> None:
    for text in ("0.5,1.5", "-0.1", "nan"):
        with pytest.raises(SettingsError, match="between 0 and 1"):
            build(TrainingSettings, {"wise_ft": text}, where="method gt-sft")
    with pytest.raises(SettingsError, match="list of number"):
        build(TrainingSettings, {"wise_ft": "half"}, where="method gt-sft")
    with pytest.raises(SettingsError, match="has a number twice"):
        build(TrainingSettings, {"wise_ft": "0.5,0.5"}, where="method gt-sft")
    assert build(TrainingSettings, {"wise_ft": ""}, where="").wise_ft == ()


@pytest.mark.slow
@pytest.mark.parametrize("further", [{}, {"lora_rank": 2}])
def test_asked_for_after_the_training_it_is_made_without_another(
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    further: dict[str, Any],
) -> None:
    out = tmp_path / "out"
    plain = [*arguments(tiny_model, out, **FAST, **further), "--json"]
    wise = [*arguments(tiny_model, out, **FAST, **further, wise_ft="0,0.5,1"), "--json"]
    status, said, _ = forget([*wise, "--dry-run"], capsys)
    todo = [(step["what"], step["done"]) for step in json.loads(said)["runs"][0]["steps"]]
    assert todo[-2:] == [
        ("make last checkpoint wise 1.00", False),
        ("evaluate last checkpoint wise 1.00", False),
    ]
    assert forget(plain, capsys)[0] == 0
    [weights] = out.glob("runs/*/*/*/*/*/checkpoints/step-000003/*.safetensors")
    trained = weights.stat().st_mtime_ns
    status, said, _ = forget(wise, capsys)
    assert status == 0
    assert weights.stat().st_mtime_ns == trained
    *_, last, zero, half, one = json.loads(said)["checkpoints"]
    names = [f"step-000003{rest}" for rest in ("", " wise 0.00", " wise 0.50", " wise 1.00")]
    assert [found["name"] for found in (last, zero, half, one)] == names
    assert {found["step"] for found in (last, zero, half, one)} == {3}
    assert all(b["delta"] == 0 for b in zero["benchmarks"])
    assert zero["task_accuracy"]["delta"] == 0
    assert [b["score"] for b in one["benchmarks"]] == [b["score"] for b in last["benchmarks"]]
    assert half["missing"] == []
    [folder] = out.glob("runs/*/*/*/*/*/transforms")
    assert sorted(path.name for path in folder.iterdir()) == ["wise-0.00", "wise-0.50", "wise-1.00"]
    status, said, _ = forget([*wise, "--dry-run"], capsys)
    assert all(step["done"] for step in json.loads(said)["runs"][0]["steps"])
    status, said, _ = forget(["report", f"--out={out}", "--json"], capsys)
    assert [c["name"] for c in json.loads(said)["checkpoints"]][-4:] == names
