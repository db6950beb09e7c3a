"""The checks done one after the other in this process."""

from __future__ import annotations

import time
from collections.abc import Sequence

import attrs

from forget.doctor.diagnosis import Check, Diagnosis, Found
from forget.doctor.machine import machine
from forget.doctor.needs import needs
from forget.doctor.network import asked_hosts
from forget.doctor.room import room
from forget.errors import ForgetError, PluginError
from forget.plan import Plan, RunRequest, plan
from forget.progress import Progress
from forget.session import Session

__all__ = ["examine_here"]


def examine_here(
    request: RunRequest | None, session: Session, progress: Progress, cluster: str | None = None
) -> list[Diagnosis]:
    """Look at everything; see `forget.doctor.examine`."""
    session = attrs.evolve(session, lazy=True)
    checks = list(machine(session, cluster))
    found: list[Diagnosis] = []
    if request is not None:
        found, planned = _planned(request, session)
        checks += [*needs(planned, session), *room(planned.runs, session)]
    hosts = asked_hosts()
    if hosts:
        loaded = Check("plugins", "network", lambda: _asking(Found("plugins are loaded"), hosts))
        found.append(_diagnose(loaded))
    with progress.task("looking", len(checks)) as advance:
        for check in checks:
            advance(0, f"{check.area} {check.name}")
            found.append(_diagnose(check))
            advance(1)
    return found


def _planned(request: RunRequest, session: Session) -> tuple[list[Diagnosis], Plan]:
    """Settle the request; what is not installed is a finding, any other mistake is the user's."""
    try:
        return [], plan(request, session)
    except PluginError as error:
        missing = Diagnosis(area="plugins", name="missing", state="problem", found=str(error))
        return [missing], Plan([], [])


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
    if hosts:
        found = _asking(found, hosts)
    return Diagnosis(
        area=check.area,
        name=check.name,
        state=found.state,
        found=found.text,
        remedy=found.remedy,
        command=found.command,
        seconds=round(time.monotonic() - started, 3),
    )


def _asking(found: Found, hosts: Sequence[str]) -> Found:
    """Add whom it asked for; what works all the same may wait long where nothing is refused."""
    text = f"{found.text.rstrip('.')}; asked the network for {', '.join(hosts)}"
    if found.state != "fine":
        return found._replace(text=text)
    return Found(text, "note", "it works without an answer, but may wait for one on a node")
