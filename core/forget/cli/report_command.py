"""`forget report`."""

from __future__ import annotations

from pathlib import Path

import click

from forget.cli.options import json_option, out_option

_EPILOG = """\b
Examples:
  forget report
  forget report runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0
  forget report runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0 --json
"""


@click.command("report", epilog=_EPILOG)
@click.argument("runs", nargs=-1, type=click.Path(path_type=Path))
@out_option
@json_option
def command(runs: tuple[Path, ...], out: Path, as_json: bool) -> None:
    """Show what RUNS (run directories; default: all of the output folder) have found."""
    from forget.cli.console import print_outcomes, print_table
    from forget.report.comparison import Outcome
    from forget.report.terminal import render
    from forget.verdict.findings import collect
    from forget.verdict.records import find_records

    outcomes = [
        Outcome(found.record.title, str(found.path), collect(found.record, found.root))
        for found in find_records(runs, out)
    ]
    for outcome in () if as_json else outcomes:
        click.secho(outcome.run, bold=True)
        print_table(render(outcome.findings))
    print_outcomes(outcomes, as_json, several=len(outcomes) > 1)
