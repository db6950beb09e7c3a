"""`forget plan`."""

from __future__ import annotations

from typing import Any

import click

from forget.cli.options import (
    json_option,
    request_from,
    request_options,
    session_from,
    session_options,
)

_EPILOG = """\b
Examples:
  forget plan --study phase1
  forget plan --study phase1 --on study
  forget plan --study phase1 --method gt-sft --json

Nothing is written, and no model is loaded.
"""


@click.command("plan", epilog=_EPILOG)
@request_options
@click.option(
    "--slots",
    type=int,
    default=1,
    show_default=True,
    help="Processes at a time, for the time that it takes.",
)
@click.option(
    "--on",
    "place",
    metavar="CLUSTER",
    help="Where it is done, for what it takes: a cluster of the registry.  [default: here]",
)
@session_options
@json_option
def command(slots: int, place: str | None, as_json: bool, **options: Any) -> None:
    """Show the units of work of the runs that are meant, what is done of them and what is left."""
    from forget.cli.console import print_json, print_table
    from forget.plan import plan
    from forget.run import check_frozen
    from forget.scheduler.costs import measured
    from forget.scheduler.matrix import render_units, units_as_plain
    from forget.scheduler.units import units_of

    if slots < 1:
        raise click.UsageError(f"--slots must be at least 1, but is {slots}.")
    request, rest = request_from(**options)
    session = session_from(**rest)
    cluster = None if place is None else session.catalogue.cluster(place)
    on_gpu = session.machine.device == "cuda" if cluster is None else cluster.gpus_per_job > 0
    hints = () if cluster is None else cluster.hints
    planned = plan(request, session)
    for run in planned.runs:
        check_frozen(run)
    units, costs = units_of(planned.runs, session), measured(session.workspace, hints)
    if as_json:
        print_json(units_as_plain(units, planned.pending, costs, slots, on_gpu=on_gpu))
    else:
        print_table(render_units(units, planned.pending, costs, slots, on_gpu=on_gpu))
