"""The measurements run as their README says; what they measure here is nothing to speak of."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

SCRIPTS = Path(__file__).resolve().parents[2] / "benchmarks"


def measured(script: str, model: Path, data: Path, *options: str) -> str:
    command = [sys.executable, str(SCRIPTS / script), f"--data={data}", f"--model={model}"]
    done = subprocess.run(
        [*command, *options], check=False, capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def test_engines_beside_each_other(tiny_model: Path, tmp_path: Path) -> None:
    options = ("--benchmarks=mini_piqa,mini_ifeval", "--items=2", "--new-tokens=4", "--stock=1")
    found = json.loads(measured("engine.py", tiny_model, tmp_path, *options, "--json"))
    ours, stock = found["engines"]
    assert (ours["engine"], stock["engine"]) == ("builtin", "stock:1")
    assert ours["requests"] == stock["requests"] == 2 * 2 + 2
    assert all(line[key] > 0 for line in (ours, stock) for key in ("score_s", "generate_s"))
    assert 0 < ours["distinct_prefixes"] <= ours["tokens_one_by_one"]


def test_what_a_sweep_costs(tiny_model: Path, tmp_path: Path) -> None:
    options = ("--benchmarks=mini_piqa", "--items=2", "--checkpoints=2")
    text = measured("sweep.py", tiny_model, tmp_path, *options)
    assert re.search(r"all 3 models: start-up and [\d.]+ times the scoring of one", text)


def test_tokens_are_counted(tiny_model: Path, tmp_path: Path) -> None:
    text = measured("count_tokens.py", tiny_model, tmp_path, "--benchmarks=mini_piqa,mini_boolq")
    lines = [re.findall(r"[\w,]+", line) for line in text.splitlines() if "mini_" in line]
    assert [line[0] for line in lines] == ["mini_piqa", "mini_boolq"]
    for _, *numbers in lines:
        requests, one_by_one, reused, distinct, planned, scored = (
            int(number.replace(",", "")) for number in numbers
        )
        assert requests == 200
        assert one_by_one >= reused >= distinct > scored
        assert planned >= distinct
