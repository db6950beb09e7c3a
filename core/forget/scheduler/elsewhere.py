"""Looks on a machine without a GPU for what machines with one have evaluated.

An evaluation is kept by what it was made on, so a login node would look for its own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import attrs

from forget.convert import BadValue, structure
from forget.inference.machine import Machine
from forget.session import Session
from forget.store.layout import Workspace

__all__ = ["as_seen_from_here"]


def as_seen_from_here(session: Session) -> Session:
    """Return a session to look with, which evaluates nothing.

    It stands for the GPU that evaluated last below the output folder, if this machine has none and
    nobody asked for another device.
    """
    here = session.machine
    if session.options.device != "auto" or here.device != "cpu":
        return session
    last = max(_machines(session.workspace), default=None, key=lambda found: found[0])
    if last is None or last[1].device == "cpu":
        return session
    dtype = session.options.dtype
    machine = attrs.evolve(last[1], dtype=last[1].dtype if dtype == "auto" else dtype)
    return attrs.evolve(session, elsewhere=machine)


def _machines(workspace: Workspace) -> Iterator[tuple[float, Machine]]:
    """Yield when something was evaluated, and on what."""
    for run in workspace.runs():
        journal = run.work_journal
        try:
            lines = journal.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        for line in reversed(lines):
            machine = _machine(line)
            if machine is not None:
                yield journal.stat().st_mtime, machine
                break


def _machine(line: str) -> Machine | None:
    try:
        record: Any = json.loads(line)
        return structure(record["machine"], Machine) if record.get("machine") else None
    except (ValueError, BadValue, AttributeError):
        return None
