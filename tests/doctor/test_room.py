"""The space that runs will take, by counts of parameters and checkpoints, against what is left."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.doctor.diagnosis import Found
from forget.doctor.room import room
from forget.plan import RunRequest, plan
from forget.session import Session

Open = Callable[..., Session]
MODEL = """\
[models.large]
title = "L"
summary = "s"
family = "llama3"
hub = "someone/large"
parameters = {parameters}
"""


@pytest.fixture
def large(open_lazily: Open, tmp_path: Path) -> Callable[..., Session]:
    """A session that knows a model which is not here."""

    def write(parameters: str = "1e9") -> Session:
        file = tmp_path / "large.toml"
        text = MODEL.format(parameters=parameters)
        file.write_text(text if parameters else text.rpartition("parameters")[0])
        return open_lazily(registries=[file])

    return write


def look(session: Session, **request: Any) -> dict[str, Found]:
    asked = {"method": "gt-sft", "dataset": "arithmetic", "benchmarks": ("mini_piqa",), **request}
    runs = plan(RunRequest(**asked), session).runs
    return {check.name: check.look() for check in room(runs, session)}


def free(monkeypatch: pytest.MonkeyPatch, gb: float) -> None:
    usage = SimpleNamespace(free=gb * 1e9, total=1e15)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)


def test_nothing_is_said_of_no_runs(open_lazily: Open) -> None:
    assert list(room([], open_lazily())) == []


def test_checkpoints_and_the_state_of_one_training(
    large: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ten checkpoints of 4 GB; while it trains, two states of 8 GB."""
    free(monkeypatch, 100)
    steps = {"max_steps": 100, "checkpoint_every": 10}
    found = look(large(), model="large", overrides=steps)
    assert found["room for runs"] == Found("10 checkpoints to come, 56.0 GB; 100.0 GB are left")
    assert found["room for models"].text == "1 to be had, 2.0 GB; 100.0 GB are free where they go"
    free(monkeypatch, 50)
    short = look(large(), model="large", overrides=steps)["room for runs"]
    assert short.state == "problem"
    assert "raise checkpoint_every" in short.remedy


def test_runs_add_up_and_adapters_are_small(
    large: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 100)
    common = {"max_steps": 20, "checkpoint_every": 20, "dtype": "bfloat16"}
    found = look(large(), model="large", overrides=common, sweep={"lr": ["1e-5", "2e-5"]})
    assert found["room for runs"].text.startswith("2 checkpoints to come, 12.0 GB;")
    found = look(large(), model="large", overrides={**common, "lora_rank": 8})
    assert found["room for runs"].text.startswith("1 checkpoints to come, 0.1 GB;")


def test_at_most_so_much_is_a_note(
    large: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How many examples fit is not known before they are prepared."""
    free(monkeypatch, 1)
    found = look(large(), model="large", study="phase1")["room for runs"]
    assert found.state == "note"
    assert found.text.startswith("at most ")


def test_a_model_whose_size_nobody_says(
    large: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 1)
    found = look(large(""), model="large")
    assert "(of 1 run(s) nobody can tell)" in found["room for runs"].text
    assert "0.0 GB and 1 whose size nobody says" in found["room for models"].text
    assert {what.state for what in found.values()} == {"fine"}


def test_a_model_that_does_not_fit_into_its_cache(
    large: Callable[..., Session], monkeypatch: pytest.MonkeyPatch
) -> None:
    free(monkeypatch, 1)
    found = look(large("70e9"), model="large")["room for models"]
    assert found.state == "problem"
    assert found.text == "1 to be had, 140.0 GB; 1.0 GB are free where they go"
    assert "HF_HOME, FORGET_CACHE" in found.remedy


def test_a_model_that_is_here(open_lazily: Open, tiny_model: Path) -> None:
    found = look(open_lazily(), model=str(tiny_model))
    assert list(found) == ["room for runs"]
    assert found["room for runs"].state == "fine"
