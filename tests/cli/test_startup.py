"""The command line answers before anything large is imported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

HEAVY = {
    "torch",
    "transformers",
    "trl",
    "peft",
    "datasets",
    "lm_eval",
    "openai",
    "pandas",
    "pyarrow",
    "vllm",
    "matplotlib",
    "accelerate",
    "huggingface_hub",
}
SPY = """
import json, sys
from forget.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    status = end.code
names = sorted({name.partition(".")[0] for name in sys.modules})
print(json.dumps([status, names]), file=sys.stderr)
"""


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("FORGET_")}


def imported(arguments: Sequence[str], folder: Path) -> set[str]:
    found = subprocess.run(
        [sys.executable, "-c", SPY, *arguments],
        capture_output=True,
        text=True,
        cwd=folder,
        env=environment(),
        check=True,
    )
    status, names = json.loads(found.stderr.splitlines()[-1])
    assert status == 0
    assert found.stdout
    return set(names)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["list"],
        ["list", "models", "--json"],
        ["show", "arithmetic"],
        ["show", "gt-sft", "--json"],
        ["show", "phase1"],
        ["run", "--help"],
        ["eval", "--help"],
        ["compare", "--help"],
        ["report", "--help"],
        ["data"],
        ["data", "--json"],
        ["status"],
        ["status", "--method", "gt-sft", "--json"],
        ["data", "verify", "--help"],
        ["data", "fetch", "--help"],
        ["doctor", "--help"],
        ["new", "plugin", "--help"],
        ["new", "plugin", "brief", "--kind", "method"],
        ["doctor", "--device", "cpu"],
    ],
    ids=" ".join,
)
def test_nothing_large_is_imported(arguments: list[str], tmp_path: Path) -> None:
    names = imported(arguments, tmp_path)
    assert "forget" in names
    assert not names & HEAVY


@pytest.mark.slow
def test_a_mirror_is_listed_with_pyarrow_alone(tmp_path: Path) -> None:
    """Rows are counted by pyarrow, which costs a tenth of a second; nothing else large is."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (tmp_path / "mirror" / "gsm8k").mkdir(parents=True)
    pq.write_table(pa.table({"question": ["q"]}), tmp_path / "mirror" / "gsm8k" / "train.parquet")
    names = imported(["data", "--data", "mirror"], tmp_path)
    assert names & HEAVY == {"pyarrow"}


@pytest.mark.slow
def test_the_spy_would_see_a_large_import(tmp_path: Path) -> None:
    found = subprocess.run(
        [sys.executable, "-c", "import pyarrow\n" + SPY, "--version"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=True,
    )
    assert "pyarrow" in json.loads(found.stderr.splitlines()[-1])[1]


def test_help_imports_no_command(tmp_path: Path) -> None:
    names = imported(["--help"], tmp_path)
    assert not names & {"rich", "attrs", "pluggy", "cattrs"}


def seconds(command: Sequence[str], folder: Path) -> float:
    started = time.perf_counter()
    subprocess.run(command, stdout=subprocess.DEVNULL, cwd=folder, env=environment(), check=True)
    return time.perf_counter() - started


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "goal", "limit"), [(["--help"], 0.15, 0.15), (["list"], 0.3, 0.6)]
)
def test_it_answers_at_once(
    arguments: list[str], goal: float, limit: float, tmp_path: Path
) -> None:
    ours = [str(Path(sys.executable).with_name("forget")), *arguments]
    bare = [sys.executable, "-c", "pass"]
    # Taken in turn, so that another process's load falls on both; the best of seven each.
    times = [(seconds(bare, tmp_path), seconds(ours, tmp_path)) for _ in range(7)]
    over = min(mine for _, mine in times) - min(base for base, _ in times)
    print(f"forget {' '.join(arguments)}: {over:.3f} s over a bare interpreter; goal {goal} s")
    assert over < limit
