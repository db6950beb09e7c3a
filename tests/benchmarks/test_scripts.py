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
    return run(script, f"--data={data}", f"--model={model}", *options)


def run(script: str, *options: str) -> str:
    command = [sys.executable, str(SCRIPTS / script), *options]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


@pytest.mark.long
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


@pytest.mark.long
def test_what_scheduling_costs(tiny_model: Path, tmp_path: Path) -> None:
    options = ("--benchmarks=mini_piqa", "--items=2", "--checkpoints=2", "--repeat=1")
    text = measured("scheduling.py", tiny_model, tmp_path, *options)
    found = re.findall(r"(.*): [\d.]+ s in (\d) process.* lost ([\d.]+) s", text)
    assert [(what, count) for what, count, _ in found] == [
        ("forget work evaluate", "1"),
        ("--slots 1", "1"),
        ("--slots 2", "2"),
        ("--slots 1, data and training too", "4"),
    ]
    assert all(float(lost) < 30 for *_, lost in found)


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


def test_the_tracker_is_measured(tmp_path: Path) -> None:
    text = run("status.py", "--runs=2", "--checkpoints=1", "--calls=1", f"--out={tmp_path}")
    assert "2 runs, 33 evaluations" in text
    assert re.search(r"first call [\d.]+ s", text)
    assert (tmp_path / "out" / "runs").is_dir()


def test_verifiers_are_measured(data_root: Path) -> None:
    text = run("verifiers.py", f"--data={data_root}", "--limit=20", "--threads=2")
    cells = [[cell.strip() for cell in re.split("[│|]", line)] for line in text.splitlines()]
    lines = {row[1]: row[2:6] for row in cells if len(row) > 5}
    for name in ("GSM8K", "MATH", "TriviaQA"):
        verdicts, right, cpu_ms, rate = lines[name]
        assert verdicts == "40"
        assert float(right.strip("%")) >= 50
        assert float(cpu_ms) >= 0
        assert int(rate.replace(",", "")) > 0
    assert lines["MATH, by value"][1] == "0.0%"


def test_coverage_is_simulated() -> None:
    lines = run(
        "coverage.py", "--trials=40", "--only=seeds", "--only=alarms", "--json"
    ).splitlines()
    found = [json.loads(line) for line in lines]
    assert {line["what"].split(":")[0] for line in found} == {
        "several trainings", "average of several trainings", "false alarms",
    }  # fmt: skip
    assert all(0 <= line["share"] <= 1 and line["trials"] == 40 for line in found)
    table = run("coverage.py", "--trials=10", "--only=averages")
    assert re.search(r"\| macro-average \| ten benchmarks, psi 0\.05, delta -0\.010 \| \d", table)
