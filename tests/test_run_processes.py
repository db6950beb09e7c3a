"""`forget run` with several processes, from the command line to the table."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from test_run import arguments, forget


def test_a_batch_that_cannot_be_shared_is_refused_before_anything_is_written(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, err = forget(arguments(tiny_model, tmp_path, num_processes=3), capsys)
    assert (status, said) == (2, "")
    assert "batch_size=4 cannot be shared among num_processes=3" in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_from_start_to_report(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reported = {"report_to": "tensorboard"}
    command = arguments(tiny_model, tmp_path, num_processes=2, max_steps=4, **reported)
    done = subprocess.run(
        [sys.executable, "-m", "forget", *command, "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert [c["step"] for c in json.loads(done.stdout)["checkpoints"]] == [2, 4]
    assert "training: done in" in done.stderr
    assert "Warning" not in done.stderr  # what libraries say goes to the log
    [run] = tmp_path.glob("runs/*/*/*/*/*")
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 4
    frozen = (run / "run.toml").read_text()
    assert "num_processes" not in frozen
    assert "report_to" not in frozen
    [_] = (run / "tensorboard").iterdir()  # of the main process alone
    assert {path.name for path in run.iterdir()} == {
        *("run.toml", "run.log", ".lock", "data", "checkpoints", "metrics.jsonl", "sweep.json"),
        *("drift", "drift.jsonl", "tensorboard", "reported.json"),
    }
    again = arguments(tiny_model, tmp_path, num_processes=1, max_steps=4)
    status, said, _ = forget([*again, "--json"], capsys)
    assert (status, said) == (0, done.stdout)
