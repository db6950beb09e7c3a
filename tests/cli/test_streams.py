"""Terminals and files that do not take what a command prints."""

from __future__ import annotations

import os
import subprocess
import sys
from io import BytesIO, TextIOWrapper
from pathlib import Path

import pytest

from forget.cli import main


def test_a_sign_that_the_terminal_lacks_ends_no_command(monkeypatch: pytest.MonkeyPatch) -> None:
    written = BytesIO()
    monkeypatch.setattr(sys, "stdout", TextIOWrapper(written, encoding="ascii"))
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    print("a \N{RIGHTWARDS ARROW} b", flush=True)
    assert ended.value.code == 0
    assert written.getvalue().splitlines()[-1] == b"a \\u2192 b"


@pytest.mark.slow
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_disk_that_has_no_room_for_the_answer() -> None:
    program = "from forget.cli import main; main(['list', 'plugins', '--json'])"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True,
            check=False, env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )  # fmt: skip
    assert done.returncode == 5
    assert done.stderr.startswith("forget: The disk is full: the output could not be written.")
    assert "Traceback" not in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--method", "gt-sft", "--out", "LONG"],
        ["run", "--method", "gt-sft", "--model", "LONG"],
        ["report", "--out", "LONG"],
        ["status", "--out", "LONG"],
        ["data", "--out", "LONG"],
        ["card", "LONG"],
        ["compare", "LONG", "LONG"],
        ["eval", "LONG", "--base", "smollm2-135m"],
        ["interpolate", "LONG", "--base", "smollm2-135m", "--alpha", "0.5"],
    ],
    ids=" ".join,
)
def test_a_name_that_no_file_can_have(
    arguments: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        main([word.replace("LONG", "a" * 300) for word in arguments])
    assert ended.value.code == 2
    assert "(300 characters)" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
