"""The checks done one after the other in this process."""

from __future__ import annotations

import time

import attrs

from forget.doctor.diagnosis import Check, Diagnosis, Found, State
from forget.doctor.environment import environment
from forget.doctor.needs import needs
from forget.doctor.network import asked_hosts
from forget.doctor.storage import storage
from forget.errors import ForgetError, PluginError
from forget.plan import Plan, RunRequest, plan
from forget.progress import Progress
from forget.session import Session

__all__ = ["examine_here"]


def examine_here(
    request: RunRequest | None, session: Session, progress: Progress
) -> list[Diagnosis]:
    """Look at everything; see `forget.doctor.examine`."""
    session = attrs.evolve(session, lazy=True)
    checks = [*environment(session), *storage(session)]
    found = []
    if request is not None:
        found, planned = _planned(request, session)
        checks += needs(planned, session)
    with progress.task("looking", len(checks)) as advance:
        for check in checks:
            advance(0, f"{check.area} {check.name}")
            found.append(_diagnose(check))
            advance(1)
    return found


def _planned(request: RunRequest, session: Session) -> tuple[list[Diagnosis], Plan]:
    """Settle the request; what is not installed is a finding, any other mistake is the user's."""
    planned = Plan([], [])
    missing: list[str] = []
    try:
        planned = plan(request, session)
    except PluginError as error:
        missing.append(str(error))
    found = [
        Diagnosis(area="plugin", name="of the request", state="problem", found=text)
        for text in missing
    ]
    hosts = asked_hosts()
    if hosts:  # while plugins were imported, or while they were asked what they bring
        text = f"plugins asked for {', '.join(hosts)} when they were loaded"
        found.append(Diagnosis(area="plugin", name="network", state="warning", found=text))
    return found, planned


def _diagnose(check: Check) -> Diagnosis:
    started = time.monotonic()
    try:
        found = check.look()
    except ForgetError as error:
        found = Found(str(error), "problem", command=check.command)
    except Exception as error:  # of a plugin or a library: that it fails is what must be known
        reason = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        found = Found(reason, "problem", command=check.command)
    hosts = asked_hosts()
    return Diagnosis(
        area=check.area,
        name=check.name,
        state=_worse(found.state, bool(hosts)),
        found=found.text + (f" It asked for {', '.join(hosts)}." if hosts else ""),
        remedy=found.remedy or (_WITHOUT if hosts and found.state == "ok" else ""),
        command=found.command,
        seconds=round(time.monotonic() - started, 3),
    )


_WITHOUT = "it goes on without an answer; where none is refused at once, it waits"


def _worse(state: State, asked: bool) -> State:
    return "warning" if asked and state == "ok" else state
