"""What was asked of an output folder, planned again: the runs that a tracker is about."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

from forget.errors import ForgetError
from forget.lookups import Lookups
from forget.plan import PendingRun, Run, RunRequest, plan
from forget.scheduler.requests import Asked, readable
from forget.session import Session
from forget.store.layout import Workspace

__all__ = ["Planned", "plan_again", "plan_one"]


@attrs.frozen(kw_only=True)
class Planned:
    """A request, and what it means today.

    Attributes:
        request: The request.
        session: What it works with.
        cluster: Name of the cluster that does it; empty for this machine.
        runs: Its runs, without those that a later request has too.
        pending: Its runs that wait for a plugin, likewise.
    """

    request: RunRequest
    session: Session
    cluster: str = ""
    runs: tuple[Run, ...] = ()
    pending: tuple[PendingRun, ...] = ()


def plan_one(request: RunRequest, session: Session) -> Planned:
    """Plan a request that is made now.

    Raises:
        RequestError: It is wrong, see `forget.plan.plan`.
    """
    runs, pending = plan(request, session)
    return Planned(request=request, session=session, runs=tuple(runs), pending=tuple(pending))


def plan_again(workspace: Workspace) -> tuple[list[Planned], list[str]]:
    """Plan everything that was asked of an output folder; say also what cannot be planned any more.

    A run that was asked for twice, with other benchmarks say, is that of the later request.
    """
    found, broken = readable(workspace)
    warnings = [str(error) for error in broken]
    planner = _Planner(workspace)
    planned: list[Planned] = []
    for asked in reversed(found):
        try:
            planned.append(planner.plan(asked))
        except ForgetError as error:
            warnings.append(
                f"What was asked as {asked.name} cannot be planned any more: {error} If it is not "
                f"wanted any more, delete {workspace.requests / asked.name}.json."
            )
    return planned[::-1], warnings


class _Planner:
    """Plans requests, and looks up once what several of them have in common."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._opened: list[tuple[Asked, Session, Lookups]] = []
        self._seen: set[str] = set()

    def plan(self, asked: Asked) -> Planned:
        # What requests are planned in is the same if all but the request is.
        key = attrs.evolve(asked, request=RunRequest(), cluster="", since=0.0)
        opened = next((found for found in self._opened if found[0] == key), None)
        if opened is None:
            session = asked.open(self._workspace)
            opened = key, session, Lookups(session)
            self._opened.append(opened)
        _, session, lookups = opened
        runs, pending = plan(asked.request, session, lookups)
        return Planned(
            request=asked.request,
            session=session,
            cluster=asked.cluster,
            runs=tuple(self._new(runs)),
            pending=tuple(run for run in pending if self._is_new(run.title)),
        )

    def _new(self, runs: list[Run]) -> Iterator[Run]:
        return (run for run in runs if self._is_new(str(run.folder.path)))

    def _is_new(self, name: str) -> bool:
        new = name not in self._seen
        self._seen.add(name)
        return new
