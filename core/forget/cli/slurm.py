"""What was submitted to a cluster, on the screen and as JSON."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from forget.plan import Plan, RunRequest
    from forget.scheduler.slurm.advance import Advanced
    from forget.scheduler.slurm.place import Place
    from forget.session import Session

__all__ = ["show_advanced", "submit_study"]


def submit_study(
    planned: Plan, request: RunRequest, session: Session, cluster: str | None, as_json: bool
) -> None:
    """Submit what is ready of a study and fits the budget; the jobs see to the rest."""
    from forget.run import preflight
    from forget.scheduler.requests import remember
    from forget.scheduler.slurm import client
    from forget.scheduler.slurm.advance import advance
    from forget.scheduler.slurm.loads import check_fit
    from forget.scheduler.slurm.place import Place
    from forget.scheduler.units import units_of

    name, site = session.catalogue.cluster(cluster)
    client.check_there()
    check_fit(units_of(planned.runs, session), site, name, client.list_partitions(None))
    preflight(planned.runs, session, elsewhere=True)
    if site.offline:
        _check_offline(request, session)
    for waiting in planned.pending:
        click.secho(str(waiting), fg="yellow", err=True)
    remember(request, session, name)
    place = Place(session.workspace, name)
    show_advanced(place, advance(place, lambda line: click.echo(line, err=True)), as_json)


_OF_THE_MACHINE = ("environment", "machine", "cluster", "variables", "teacher", "training")
"""What `forget doctor` looks at that is another matter on the nodes."""


def _check_offline(request: RunRequest, session: Session) -> None:
    """Find out whether all data and models load without a network, as on the nodes.

    Raises:
        CheckFailed: Something does not; the message says what fetches it.
    """
    from forget.cli.console import quiet_libraries
    from forget.doctor import problems
    from forget.doctor.table import remedies
    from forget.errors import CheckFailed

    with quiet_libraries(Path(os.devnull)) as screen:
        found = problems(request, session, offline=True, progress=screen)
    missing = [found for found in found if found.area not in _OF_THE_MACHINE]
    if missing:
        lines = [f"  {bad.area} {bad.name}: {bad.found} {bad.remedy}".rstrip() for bad in missing]
        raise CheckFailed(
            "The jobs would lack what does not load without a network:\n"
            + "\n".join(filter(None, [*lines, remedies(missing)]))
            + "\nSee `forget doctor --offline`; if nodes do have a network, set offline = false "
            "for the cluster."
        )


def show_advanced(place: Place, advanced: Advanced, as_json: bool) -> None:
    """Show what a pass did, and what is left."""
    from forget.cli.console import print_json

    if as_json:
        print_json(_plain(place, advanced))
        return
    active, held = len(advanced.active), advanced.held
    click.echo(
        f"{advanced.done:,} of {advanced.units:,} units are done; {active} "
        f"{'job is' if active == 1 else 'jobs are'} in the queue"
        + (f", {held} more as soon as the budget allows" if held else "")
        + (f"; {len(advanced.given_up)} units are given up" if advanced.given_up else "")
        + "."
    )
    if advanced.over and advanced.held:
        click.echo(
            "There is no room for a job that looks again by itself. When other jobs of yours have "
            "ended: forget advance"
        )
    elif advanced.over and advanced.done < advanced.units:
        click.echo("Nothing else will be done by itself. `forget status` says what is missing.")
    elif not advanced.over:
        click.echo(
            f"The jobs see to the rest. Logs: {place.root}. To stop all of it: forget cancel"
        )


def _plain(place: Place, advanced: Advanced) -> dict[str, Any]:
    return {
        "cluster": place.cluster,
        "folder": str(place.root),
        "submitted": [_job(job) for job in advanced.submitted],
        "active": [_job(job) for job in advanced.active],
        "held": advanced.held,
        "given_up": advanced.given_up,
        "units": {"done": advanced.done, "all": advanced.units},
    }


def _job(job: Any) -> dict[str, Any]:
    from forget.convert import to_plain

    return {
        "job": job.job or None,
        "name": job.name,
        "stage": job.stage,
        "units": job.units,
        "size": to_plain(job.size),
    }
