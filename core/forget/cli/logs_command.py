"""`forget logs`."""

from __future__ import annotations

from pathlib import Path

import click

from forget.cli.options import out_option

_EPILOG = """\b
Examples:
  forget logs phase1/qwen3-1.7b/gsm8k/gt-sft/seed-0/train
  forget logs forget-3fa9c1-0007-evaluate --lines 200
  forget logs 8847627 --path
"""


@click.command("logs", epilog=_EPILOG)
@click.argument("what", metavar="UNIT")
@click.option("--lines", default=40, show_default=True, help="How many of the last; 0 for all.")
@click.option("--path", "only_path", is_flag=True, help="Print where the log is, and no more.")
@out_option
def command(what: str, lines: int, only_path: bool, out: Path) -> None:
    """Show the log of the last process or job that did UNIT (or of a job, by name or number).

    UNIT is the name that `forget plan --json` has.
    """
    from forget.scheduler.logs import find_log
    from forget.store.layout import Workspace

    log = find_log(Workspace(out.absolute()), what)
    if only_path:
        click.echo(str(log))
        return
    click.secho(str(log), dim=True, err=True)
    text = log.read_text(encoding="utf-8", errors="replace").splitlines()
    click.echo("\n".join(text[-lines:] if lines else text))
