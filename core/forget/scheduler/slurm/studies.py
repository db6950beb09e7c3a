"""The studies that were asked for on a cluster, as they stand on the disk now."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import attrs

from forget.cluster import Cluster
from forget.errors import RequestError
from forget.plan import Run, plan
from forget.scheduler.commands import command_of
from forget.scheduler.costs import Costs, measured
from forget.scheduler.elsewhere import as_seen_from_here
from forget.scheduler.ready import look_again
from forget.scheduler.requests import Asked, asked_of
from forget.scheduler.slurm.place import Place
from forget.scheduler.units import Unit
from forget.session import Session

__all__ = ["Study", "open_studies"]


@attrs.frozen(kw_only=True)
class Study:
    """What was asked for in one command, planned.

    Attributes:
        asked: The request.
        session: What it works with.
        cluster: The cluster as the registry describes it now.
        runs: Its runs.
        units: Their units.
        costs: What units take, as far as it was measured below the output folder.
    """

    asked: Asked
    session: Session
    cluster: Cluster
    runs: Sequence[Run]
    units: Sequence[Unit]
    costs: Costs

    def command(self, units: Sequence[Unit]) -> tuple[str, list[str]]:
        """Return what does some units of one run and stage: for people, and as words."""
        first = units[0]
        models = tuple(unit.model for unit in units if unit.model)
        title = " ".join([first.title, *models[1:]])
        return title, command_of(first, models, self.asked.request, self.session)

    def check(self, unit: Unit) -> list[str]:
        """Return the words that see whether a node has what a unit's run needs; none to skip it."""
        if not self.cluster.offline:
            return []
        words = command_of(unit, (), self.asked.request, self.session)
        return ["doctor", "--offline", *words[2:]]


def open_studies(
    place: Place, note: Callable[[str], None], left_out: list[str] | None = None
) -> Iterator[Study]:
    """Yield what was asked for on a cluster, oldest first.

    What cannot be planned any more, because its registry file is gone for example, is noted and
    left out: the others go on.

    Args:
        place: Where.
        note: Told what is left out.
        left_out: Gets its names.

    Raises:
        StorageError: The disk is full.
    """
    costs = measured(place.workspace)
    for asked in asked_of(place.workspace):
        if not place.is_of(asked.cluster):
            continue
        try:
            session = as_seen_from_here(asked.open(place.workspace))
            runs, units = look_again(plan(asked.request, session).runs, session)
            _, cluster = session.catalogue.cluster(asked.cluster)
        except RequestError as error:
            note(f"{asked.name} is left out: {error}")
            if left_out is not None:
                left_out.append(asked.name)
            continue
        yield Study(
            asked=asked,
            session=session,
            cluster=cluster,
            runs=runs,
            units=units,
            costs=attrs.evolve(costs, hints=cluster.hints),
        )
