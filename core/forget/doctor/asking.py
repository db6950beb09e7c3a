"""Commands of the system that are asked something; one that hangs is given up."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from shutil import which
from typing import NamedTuple

__all__ = ["Answer", "ask", "is_there"]

_PATIENCE_S = 3.0
_DYING_S = 1.0
_MOST = 100_000
"""Bytes of an answer that are read: one that never ends would fill the terminal."""

_CONTROL = re.compile(
    r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*\x07|[\x00-\x08\x0b-\x1f\x7f-\x9f]"
)
"""Colours and other orders to a terminal."""


class Answer(NamedTuple):
    """What a command said.

    Attributes:
        status: Its exit status; None where it was not there, or given up.
        said: What it printed.
        why_not: Why there is no answer: its own words, or that it hung.
    """

    status: int | None
    said: str = ""
    why_not: str = ""


def is_there(command: str) -> bool:
    """Say whether a command is in PATH, or is the path of a program."""
    return which(command) is not None


def ask(words: Sequence[str], *, patience_s: float = _PATIENCE_S) -> Answer:
    """Run a command without input, in the words of no language, and give up where it hangs.

    Args:
        words: The command and its arguments.
        patience_s: How long it may take [s]; a file server that is gone never answers.
    """
    try:
        process = subprocess.Popen(  # noqa: S603 - commands of the system, without a shell
            list(words),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "LC_ALL": "C"},
            start_new_session=True,  # what it starts itself is ended with it
        )
    except OSError as error:
        return Answer(None, why_not=f"{words[0]} cannot be started ({error.strerror})")
    try:
        said, complaint = process.communicate(timeout=patience_s)
    except subprocess.TimeoutExpired:
        _end(process)
        return Answer(None, why_not=f"{words[0]} did not answer for {patience_s:g} s")
    text = _readable(said[:_MOST])
    last = _readable(complaint[-_MOST:]).strip().splitlines()[-1:]
    why_not = " ".join(last) or f"{words[0]} ended with status {process.returncode}"
    return Answer(process.returncode, text, why_not if process.returncode else "")


def _readable(said: bytes) -> str:
    return _CONTROL.sub("", said.decode(errors="replace"))


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it started; one that waits for a file server cannot be ended."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_DYING_S)
    for stream in (process.stdout, process.stderr):
        if stream is not None:
            stream.close()
