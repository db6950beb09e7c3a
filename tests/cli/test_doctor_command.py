"""`forget doctor` on the command line: its table, its commands, its status."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from forget.cli import main


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing, and a cache of the Hub that is empty."""
    for variable in ("FORGET_DATA", "FORGET_PLUGINS", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    monkeypatch.chdir(tmp_path)


def doctor(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_:
        main(["doctor", *arguments, "--out", "out"])
    assert not Path("out").exists()
    return int(exit_.value.code or 0)


def request(model: Path, mirror: Path) -> list[str]:
    named = ["--method", "gt-sft", "--model", str(model), "--dataset", "gsm8k"]
    return [*named, "--benchmarks", "mini_piqa", "--data", str(mirror)]


@pytest.mark.slow
def test_the_machine_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor() == 0
    said = capsys.readouterr()
    assert "on this machine" in said.out
    assert "  torch " in said.out
    assert "forget data fetch" not in said.out


@pytest.mark.slow
def test_a_sound_run(tiny_model: Path, mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor(*request(tiny_model, mirror), "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["offline"], told["commands"]) == (False, [])
    assert {check["state"] for check in told["checks"]} <= {"fine", "note"}


@pytest.mark.slow
def test_a_problem_is_told_with_the_command_that_mends_it(
    tiny_model: Path, mirror: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (mirror / "gsm8k" / "test.parquet").unlink()
    assert doctor(*request(tiny_model, mirror)) == 3
    said = capsys.readouterr()
    assert said.out.splitlines()[-1] == f"  forget data fetch gsm8k --data {mirror}"
    assert "1 of " in said.err
    assert "dataset gsm8k" in said.err
    assert doctor(*request(tiny_model, mirror), "--json") == 3
    told = json.loads(capsys.readouterr().out)
    assert told["commands"] == [f"forget data fetch gsm8k --data {mirror}"]


@pytest.mark.slow
def test_many_problems_are_counted(mirror: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--method", "gt-sft", "--dataset", "gsm8k", "--benchmarks", "core10"]
    assert doctor(*arguments, "--model", "someone/m", "--data", str(mirror)) == 3
    assert " more. What to do stands beside each." in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["--method", "gt-stf"], "no method named"),
        (["--benchmarks", "core10"], "Choose a --method"),
        (["--batch-size", "0"], "--batch-size must be"),
    ],
)
def test_a_wrong_request(
    arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert doctor(*arguments) == 2
    said = capsys.readouterr()
    assert text in said.err
    assert said.out == ""


@pytest.mark.slow
def test_a_hub_model_without_a_network(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--method", "gt-sft", "--model", "someone/m", "--benchmarks", "mini_piqa"]
    assert doctor(*arguments, "--offline") == 3
    said = capsys.readouterr().out
    assert "without a network" in said
    assert "  hf download someone/m --exclude '*.bin' --exclude '*.pth'" in said.splitlines()


def children_seconds() -> float:
    """Return what ended children have had of a processor: other processes' load is not in it."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@pytest.mark.slow
def test_core10_offline_in_the_first_seconds_of_a_job(
    smollm2: Path, data_root: Path, tmp_path: Path
) -> None:
    """All of core10, GSM8K and a real model are read without a network, and nothing is written."""
    before = children_seconds()
    forget = [sys.executable, "-m", "forget", "doctor", "--method", "gt-sft"]
    found = subprocess.run(
        [*forget, "--dataset", "gsm8k", "--benchmarks", "core10", "--offline", "--json"],
        capture_output=True,
        cwd=tmp_path,
        env={**os.environ, "FORGET_DATA": str(data_root), "HF_HOME": str(tmp_path / "hub")},
        check=False,
    )
    told = json.loads(found.stdout)
    assert [check for check in told["checks"] if check["state"] == "problem"] == []
    assert found.returncode == 0
    assert list(tmp_path.iterdir()) == []
    assert sum(check["area"] == "benchmark" for check in told["checks"]) == 10
    seconds = children_seconds() - before
    print(f"{seconds:.1f} s of a processor; goal 15 s")
    assert seconds < 45
