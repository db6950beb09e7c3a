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

Nothing is written, fetched or loaded.
"""


@click.command("plan", epilog=_EPILOG)
@request_options
@session_options
@json_option
def command(as_json: bool, **options: Any) -> None:
    """Show the units of work of the runs that are meant, and what is done of them."""
    from forget.cli.console import print_json, print_table
    from forget.plan import plan
    from forget.scheduler.matrix import render_units, units_as_plain
    from forget.scheduler.units import units_of

    request, rest = request_from(**options)
    session = session_from(**rest)
    planned = plan(request, session)
    units = units_of(planned, session)
    if as_json:
        print_json(units_as_plain(units, planned.pending))
    else:
        print_table(render_units(units, planned.pending))
