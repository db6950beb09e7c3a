"""`forget retry`."""

from __future__ import annotations

from pathlib import Path

import click

from forget.cli.options import json_option, out_option
from forget.cli.place import chosen_place, cluster_option

_EPILOG = """\b
Examples:
  forget retry
  forget retry phase1/qwen3-1.7b/gsm8k/gt-sft/seed-0/evaluate/step-000300
"""


@click.command("retry", epilog=_EPILOG)
@click.argument("units", nargs=-1)
@out_option
@cluster_option
@json_option
def command(units: tuple[str, ...], out: Path, cluster: str | None, as_json: bool) -> None:
    """Submit UNITS again that were given up; without any, all of them."""
    from forget.cli.slurm import show_advanced
    from forget.scheduler.slurm.advance import advance
    from forget.scheduler.slurm.control import retry

    place = chosen_place(out, cluster)
    for unit in retry(place, units):
        click.echo(f"{unit} is tried again.", err=True)
    show_advanced(place, advance(place, lambda line: click.echo(line, err=True)), as_json)
