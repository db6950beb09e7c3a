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
@session_options
@json_option
def command(slots: int, as_json: bool, **options: Any) -> None:
    """Show the units of work of the runs that are meant, what is done of them and what is left."""
    from forget.cli.console import print_json, print_table
    from forget.plan import plan
    from forget.run import check_frozen
    from forget.scheduler.costs import measured
    from forget.scheduler.elsewhere import as_seen_from_here
    from forget.scheduler.matrix import render_units, units_as_plain
    from forget.scheduler.units import units_of

    if slots < 1:
        raise click.UsageError(f"--slots must be at least 1, but is {slots}.")
    request, rest = request_from(**options)
    session = as_seen_from_here(session_from(**rest))
    planned = plan(request, session)
    for run in planned.runs:
        check_frozen(run)
    units, costs = units_of(planned.runs, session), measured(session.workspace)
    if as_json:
        print_json(units_as_plain(units, planned.pending, costs, slots))
    else:
        print_table(render_units(units, planned.pending, costs, slots))
