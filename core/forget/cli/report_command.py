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
    from forget.cli.console import print_json, print_table
    from forget.report.findings import collect
    from forget.report.plain import findings_as_plain
    from forget.report.records import find_records
    from forget.report.terminal import render

    records = find_records(runs, out)
    found = [collect(record, root) for record, root in records]
    if as_json:
        plain = [findings_as_plain(findings) for findings in found]
        print_json(plain[0] if len(plain) == 1 else {"runs": plain})
        return
    for findings in found:
        click.secho(findings.record.title, bold=True)
        print_table(render(findings))
