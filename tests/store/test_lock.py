from __future__ import annotations

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from forget.errors import BusyError
from forget.store.lock import exclusive, holder_of

HOLDER = """
import sys, time
from pathlib import Path
from forget.store.lock import exclusive, holder_of

with exclusive(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_another_process_is_refused_until_the_first_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "run" / ".lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE)
    try:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(BusyError, match=f"process {holder.pid} on "), exclusive(path):
            pass
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.communicate()
    with exclusive(path):
        assert str(os.getpid()) in path.read_text()


def test_it_is_let_go_of_when_the_block_fails(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), exclusive(tmp_path / ".lock"):
        raise ZeroDivisionError
    with exclusive(tmp_path / ".lock"):
        pass


def test_without_locks_the_work_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with exclusive(tmp_path / ".lock"), exclusive(tmp_path / ".lock"):
        pass


def test_who_holds_it_and_what_for(tmp_path: Path) -> None:
    path = tmp_path / ".lock"
    assert holder_of(path) is None
    with exclusive(path, "evaluate", "base", "step-000100") as tell:
        found = holder_of(path)
        assert found is not None
        assert found.name.startswith(f"process {os.getpid()} on ")
        assert found.doing == ("evaluate", "base", "step-000100")
        tell("train")
        assert holder_of(path) == found._replace(doing=("train",))
        says = f"in use: process {os.getpid()} on \\S+ works on it"
        with pytest.raises(BusyError, match=says), exclusive(path):
            pass
    assert path.read_text()
    assert holder_of(path) is None


def test_what_a_killed_process_left_is_no_sign_of_it(tmp_path: Path) -> None:
    (tmp_path / ".lock").write_text("process 1 on here\ntrain")
    assert holder_of(tmp_path / ".lock") is None


def test_a_holder_that_says_nothing(tmp_path: Path) -> None:
    with exclusive(tmp_path / ".lock"):
        (tmp_path / ".lock").write_text("")
        assert holder_of(tmp_path / ".lock") == ("another process", ())


def test_a_look_refuses_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is over by the time that the lock is tried again."""
    path = tmp_path / ".lock"
    path.touch()
    looking = path.open()
    fcntl.flock(looking, fcntl.LOCK_SH)
    monkeypatch.setattr("forget.store.lock.time.sleep", lambda _: looking.close())
    with exclusive(path):
        pass


def test_without_locks_nobody_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with exclusive(tmp_path / ".lock"):
        assert holder_of(tmp_path / ".lock") is None
