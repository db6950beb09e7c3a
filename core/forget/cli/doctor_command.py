"""`forget doctor`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from forget.cli.options import (
    json_option,
    optional_request_from,
    request_options,
    session_from,
    session_options,
)

_EPILOG = """\b
Examples:
  forget doctor
  forget doctor --study phase1 --data mirror
  forget doctor --study phase1 --data mirror --offline
  forget doctor --method gt-sft --offline --json
  forget doctor --cluster study

Nothing is written but a probe in the output folder, which is removed. Notes keep nothing
from its work. Status 0: there is no problem; 3: there is one; 2: what was asked for does not exist.
"""


@click.command("doctor", epilog=_EPILOG)
@request_options
@click.option("--offline", is_flag=True, help="Look in a process in which every connection fails.")
@click.option(
    "--cluster", help="Look at this cluster of the registry too: jobs go there from here."
)
@session_options
@json_option
def command(offline: bool, cluster: str | None, as_json: bool, **options: Any) -> None:
    """Say whether this machine has all that the runs that are meant need, and what to do if not.

    Each thing has its grade and what to do about it; at the end are the commands that get what is
    missing. Without --method or --study the machine alone is looked at.
    """
    from forget.cli.console import print_json, print_table, quiet_libraries
    from forget.doctor import examine
    from forget.doctor.table import as_plain, remedies, render
    from forget.errors import CheckFailed

    request, rest = optional_request_from(**options)
    session = session_from(**rest, lazy=True)
    with quiet_libraries(Path(os.devnull)) as screen:
        found = examine(request, session, screen, offline=offline, cluster=cluster)
    if as_json:
        print_json(as_plain(found, offline=offline))
    else:
        print_table(render(found, offline=offline))
        click.echo(remedies(found), nl=bool(remedies(found)))
    bad = [f"{d.area} {d.name}" for d in found if d.state == "problem"]
    if bad:
        more = f" and {len(bad) - 5} more" if bad[5:] else ""
        raise CheckFailed(
            f"{len(bad)} of {len(found)} checks found a problem: {', '.join(bad[:5])}{more}. What "
            "to do stands beside each."
        )
