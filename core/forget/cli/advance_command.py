"""`forget advance`."""

from __future__ import annotations

from pathlib import Path

import click

from forget.cli.options import json_option, out_option
from forget.cli.place import chosen_place, cluster_option

_EPILOG = """\b
Examples:
  forget advance
  forget advance --out studies/phase1 --cluster study

Jobs of a study do this by themselves. By hand it is of use when all of them were cancelled, or the
cluster's controller has lost them.
"""


@click.command("advance", epilog=_EPILOG)
@out_option
@cluster_option
@click.option("--job", default="", hidden=True, help="Name of the job that calls it.")
@click.option(
    "--guard", "only_guard", is_flag=True, hidden=True, help="Only have a caretaker wait."
)
@click.option("--caretaker", is_flag=True, hidden=True, help="This is the caretaker.")
@json_option
def command(
    out: Path, cluster: str | None, job: str, only_guard: bool, caretaker: bool, as_json: bool
) -> int:
    """Write down which jobs have ended, and submit what is ready and fits the budget."""
    from forget.scheduler.slurm.guard import guard

    place = chosen_place(out, cluster)
    if only_guard:  # often, so that it imports little
        return guard(place, job)
    from forget.cli.slurm import show_advanced
    from forget.scheduler.slurm.advance import advance

    advanced = advance(place, _note, job=job, caretaker=caretaker)
    show_advanced(place, advanced, as_json)
    return 0


def _note(line: str) -> None:
    click.echo(line, err=True)
