"""`forget plan`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from forget.cli.options import (
    json_option,
    request_from,
    request_options,
    session_from,
    session_options,
)

if TYPE_CHECKING:
    from forget.catalogue import Cluster
    from forget.session import Session

_EPILOG = """\b
Examples:
  forget plan --study phase1
  forget plan --study phase1 --cluster study
  forget plan --study phase1 --method gt-sft --json

Nothing is written, and no model is loaded.
"""


@click.command("plan", epilog=_EPILOG)
@request_options
@click.option(
    "--slots",
    type=int,
    help="Processes at a time, for the time that it takes.  [default: 1, or what a cluster allows]",
)
@click.option(
    "--cluster",
    help="Cluster of the registry to do it on, for what it takes.  [default: this machine]",
)
@session_options
@json_option
def command(slots: int | None, cluster: str | None, as_json: bool, **options: Any) -> None:
    """Show the units of work of the runs that are meant, what is done of them and what is left.

    Units that are shared, like the evaluation of a base model, are there once.
    """
    from forget.cli.console import print_json, print_table
    from forget.plan import plan
    from forget.run import check_frozen
    from forget.scheduler.costs import measured
    from forget.scheduler.elsewhere import as_seen_from_here
    from forget.scheduler.matrix import render_units, units_as_plain
    from forget.scheduler.units import units_of

    if slots is not None and slots < 1:
        raise click.UsageError(f"--slots must be at least 1, but is {slots}.")
    request, rest = request_from(**options)
    session = as_seen_from_here(session_from(**rest))
    place = None if cluster is None else _cluster(cluster, session)
    on_gpu = session.machine.device == "cuda" if place is None else place.gpus_per_job > 0
    hints = () if place is None else place.hints
    planned = plan(request, session)
    for run in planned.runs:
        check_frozen(run)
    units, costs = units_of(planned.runs, session), measured(session.workspace, hints)
    slots = slots or (1 if place is None else _at_once(place, len(units)))
    if as_json:
        print_json(units_as_plain(units, planned.pending, costs, slots, on_gpu=on_gpu))
    else:
        print_table(render_units(units, planned.pending, costs, slots, on_gpu=on_gpu))


def _at_once(place: Cluster, units: int) -> int:
    """Return how many jobs of a cluster's usual size its budget allows at once."""
    from forget.scheduler.slurm.sizes import job_size, most_at_once

    return most_at_once(place, job_size(place, "evaluate"), units)


def _cluster(name: str, session: Session) -> Cluster:
    from forget.errors import UnknownNameError

    clusters = session.catalogue.clusters
    if name not in clusters:
        raise UnknownNameError("cluster", name, clusters)
    return clusters[name]
