"""Processes that end with their parent, however that ends."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from forget.inference.guardian import Guardian

PARENT = """
import multiprocessing, subprocess, sys, time

from forget.inference.guardian import Guardian


def child(told):
    # A process of its own, as vLLM's engine has workers.
    told.send(subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]).pid)
    time.sleep(600)


if __name__ == "__main__":
    guardian = Guardian()
    with guardian.of_what_starts() as started:
        ours, theirs = multiprocessing.get_context("spawn").Pipe()
        process = multiprocessing.get_context("spawn").Process(target=child, args=(theirs,))
        process.start()
        grandchild = ours.recv()
    assert started == {process.pid}, started
    print(process.pid, grandchild, guardian._process.pid, flush=True)
    END
"""


def gone(pids: list[int]) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        alive = [pid for pid in pids if psutil.pid_exists(pid)]
        if all(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE for pid in alive):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.slow
@pytest.mark.parametrize("how", ["SIGKILL", "close"])
def test_what_it_was_told_of_ends(how: str, tmp_path: Path) -> None:
    end = "time.sleep(600)" if how == "SIGKILL" else "guardian.close(); time.sleep(600)"
    script = tmp_path / "parent.py"
    script.write_text(PARENT.replace("END", end))
    parent = subprocess.Popen([sys.executable, script], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    try:
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 3
        if how == "SIGKILL":
            assert all(psutil.pid_exists(pid) for pid in pids)
            parent.send_signal(signal.SIGKILL)
        assert gone(pids)
    finally:
        parent.kill()
        parent.communicate()


def test_what_ran_before_is_left_alone() -> None:
    context = multiprocessing.get_context("spawn")
    other = context.Process(target=time.sleep, args=(600,))
    other.start()
    try:
        guardian = Guardian()
        with guardian.of_what_starts() as started:
            pass
        assert started == set()
        guardian.close()
        assert other.is_alive()
    finally:
        other.kill()
        other.join()
        other.close()


def test_a_guardian_that_was_killed_is_no_harm() -> None:
    guardian = Guardian()
    guardian._process.kill()
    guardian._process.wait()
    context = multiprocessing.get_context("spawn")
    with guardian.of_what_starts() as started:
        process = context.Process(target=time.sleep, args=(0,))
        process.start()
        process.join()
    process.close()
    assert len(started) <= 1
    guardian.close()
