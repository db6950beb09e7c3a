"""`forget cancel`."""

from __future__ import annotations

from pathlib import Path

import click

from forget.cli.options import json_option, out_option
from forget.cli.place import chosen_place, cluster_option

_EPILOG = """\b
Examples:
  forget cancel
  forget cancel --study phase1 --out studies

What is done is kept: `forget run --on slurm` goes on from there. Slurm's own `scancel` ends a job,
and the others submit it again.
"""


@click.command("cancel", epilog=_EPILOG)
@click.option("--study", help="Only the jobs of this study.  [default: all of the output folder]")
@out_option
@cluster_option
@json_option
def command(study: str | None, out: Path, cluster: str | None, as_json: bool) -> None:
    """Cancel the jobs of a study on a cluster, and have none submitted any more."""
    from forget.cli.console import print_json
    from forget.scheduler.slurm.control import cancel

    jobs = cancel(chosen_place(out, cluster), study)
    if as_json:
        print_json({"cancelled": [{"job": job.job or None, "name": job.name} for job in jobs]})
        return
    for job in jobs:
        click.echo(f"{job.name} (job {job.job}) is cancelled.")
    click.echo(f"{len(jobs)} jobs are cancelled, and nothing is submitted any more.")
