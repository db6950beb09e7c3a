"""The command line of a unit, which a person can read and run by hand."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from forget.plan import Run, RunRequest
from forget.scheduler.units import Unit
from forget.session import EngineOptions, Session
from forget.variants import shown

__all__ = ["command_of", "report_command", "run_command"]


def command_of(
    unit: Unit, models: tuple[str, ...], request: RunRequest, session: Session
) -> list[str]:
    """Return the words after ``forget`` that do a unit.

    Args:
        unit: What is to be done.
        models: What is evaluated, if it is an evaluation.
        request: What the unit's study was planned from.
        session: The session it was planned in.
    """
    stage = "prepare" if unit.stage == "generate" else unit.stage
    options = {**_of_run(unit.run, request), **_of_session(session)}
    return ["work", stage, *models, *_words(options)]


def _words(options: Mapping[str, Any]) -> list[str]:
    return [
        word
        for name, value in options.items()
        for text in _texts(value)
        for word in (f"--{name}", text)
    ]


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        yield from map(str, value)
    elif value is not None:
        yield str(value)


def _of_run(run: Run, request: RunRequest) -> dict[str, Any]:
    changes = {name: value for name, value in request.overrides.items() if name not in run.swept}
    return {
        "study": run.study,
        # A model given as a folder goes by the folder's name, and is found by its path.
        "model": run.model.name if run.model.entry is not None else run.model.folder,
        "dataset": run.dataset.record.name,
        "method": run.method.record.name,
        "seed": run.seed,
        **_of_request(request),
        "set": _assignments(changes),
        "sweep": _assignments(run.swept),
    }


def _of_request(request: RunRequest) -> dict[str, Any]:
    """Return the options that are the same for all runs of a request."""
    return {
        "teacher": request.teacher,
        "restrict-to": request.restrict_to and request.restrict_to.absolute(),
        "benchmarks": None if request.benchmarks is None else ",".join(request.benchmarks),
        "limit": request.limit,
    }


def _assignments(values: Mapping[str, Any]) -> list[str]:
    return [
        f"{name}={value if isinstance(value, str) else shown(value)}"
        for name, value in values.items()
    ]


def _of_session(session: Session) -> dict[str, Any]:
    usual = EngineOptions()
    options = attrs.asdict(session.options)
    return {
        "registry": [path.absolute() for path in session.registries],
        "data": session.mirror.root and session.mirror.root.absolute(),
        "out": session.workspace.root,
        **{
            name.replace("_", "-"): value
            for name, value in options.items()
            if value != getattr(usual, name)
        },
    }


def run_command(request: RunRequest, session: Session, cluster: str = "") -> str:
    """Return the command line that asks for the same again, as a person types it.

    Args:
        request: What was asked for.
        session: What it works with.
        cluster: The cluster that does it; empty for this machine.
    """
    options = {
        "study": request.study,
        "model": request.model,
        "dataset": request.dataset,
        "method": request.method,
        "seed": request.seed,
        **_of_request(request),
        "set": _assignments(request.overrides),
        "sweep": [f"{name}={','.join(values)}" for name, values in request.sweep.items()],
        "on": "slurm" if cluster else None,
        "cluster": cluster or None,
        **_of_session(session),
        "out": _out(session),
    }
    return _typed("run", options)


def report_command(session: Session) -> str:
    """Return the command line that shows what all runs of an output folder have found."""
    return _typed("report", {"out": _out(session)})


def _out(session: Session) -> Path | None:
    """Return the output folder, if it is not the working folder."""
    root = session.workspace.root
    return None if root == Path.cwd() else root


def _typed(command: str, options: Mapping[str, Any]) -> str:
    return shlex.join(["forget", command, *_words(options)])
