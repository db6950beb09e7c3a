"""`forget status`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from forget.cli.options import (
    json_option,
    request_from,
    request_options,
    session_from,
    session_options,
)

if TYPE_CHECKING:
    from forget.scheduler.tracker.facts import Tracker

_EPILOG = """\b
Examples:
  forget status
  forget status --study phase1
  forget status --markdown TRACKER.md
  forget status --watch 10

Without --study or --method it is about all that was asked of the output folder.
"""
_OF_THE_FOLDER = ("out", "markdown", "watch", "as_json")
"""Options that mean something where no runs are named."""


@click.command("status", epilog=_EPILOG)
@request_options
@click.option(
    "--markdown",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Write it as Markdown; - prints it.",
)
@click.option(
    "--watch",
    metavar="[SECONDS]",
    type=click.FloatRange(min=0.1),
    is_flag=False,
    flag_value=5.0,
    help="Show it anew every so many seconds (5), until Ctrl-C.",
)
@session_options
@json_option
@click.pass_context
def command(
    context: click.Context,
    /,
    markdown: Path | None,
    watch: float | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Show what is trained and evaluated, what it has found so far, and what to do next.

    Who is at work, and what is queued, has failed or was given up, is there too.
    """
    if options["method"] is None and options["study"] is None:
        _refuse_unused(context)
        look = _of_the_folder(options["out"])
    else:
        look = _of_a_request(options)
    _check_output(markdown, watch, as_json)
    if watch is not None:
        _watch(look, watch)
    elif as_json:
        from forget.cli.console import print_json
        from forget.scheduler.tracker.plain import as_plain

        print_json(as_plain(look()))
    elif markdown is not None:
        _write(look(), markdown)
    else:
        from forget.cli.console import print_table
        from forget.scheduler.tracker.terminal import render_tracker

        print_table(render_tracker(look()))


def _refuse_unused(context: click.Context) -> None:
    """Refuse options that say how to plan runs where none is named."""
    for parameter in context.command.params:
        name = parameter.name or ""
        given = context.get_parameter_source(name) == ParameterSource.COMMANDLINE
        if given and name not in _OF_THE_FOLDER:
            raise click.UsageError(
                f"{parameter.opts[0]} is for runs that are named here: add --method or --study. "
                "What was asked of the output folder is shown as it was asked."
            )


def _check_output(markdown: Path | None, watch: float | None, as_json: bool) -> None:
    chosen = [
        option
        for option, given in (
            ("--markdown", markdown is not None),
            ("--watch", watch is not None),
            ("--json", as_json),
        )
        if given
    ]
    if len(chosen) > 1:
        raise click.UsageError(f"Choose one of {' and '.join(chosen)}.")
    if watch is not None and not sys.stdout.isatty():
        raise click.UsageError(
            "--watch draws anew on a terminal, and standard output is none. Leave it out, and "
            "call the command again when you want to know."
        )


def _of_the_folder(out: Path) -> Callable[[], Tracker]:
    from forget.scheduler.jobs import jobs_of
    from forget.scheduler.tracker.collect import collect
    from forget.scheduler.tracker.planned import plan_again
    from forget.store.layout import Workspace

    workspace = Workspace(out.absolute())

    def look() -> Tracker:
        planned, warnings = plan_again(workspace)
        return collect(workspace, planned, jobs_of(workspace), warnings=warnings)

    return look


def _of_a_request(options: dict[str, Any]) -> Callable[[], Tracker]:
    from forget.scheduler.jobs import jobs_of
    from forget.scheduler.tracker.collect import collect
    from forget.scheduler.tracker.planned import plan_one

    request, rest = request_from(**options)
    session = session_from(**rest)
    workspace = session.workspace
    planned = [plan_one(request, session)]

    def look() -> Tracker:
        return collect(workspace, planned, jobs_of(workspace), everything=False)

    return look


def _write(tracker: Tracker, file: Path) -> None:
    from forget.scheduler.tracker.markdown import as_markdown
    from forget.store.atomic import write_text

    text = as_markdown(tracker)
    if str(file) == "-":
        click.echo(text, nl=False)
    else:
        write_text(file, text)


def _watch(look: Callable[[], Tracker], every_s: float) -> None:
    """Draw until somebody interrupts it, which is how it is meant to end."""
    from rich.console import Console
    from rich.live import Live

    from forget.scheduler.tracker.terminal import render_tracker

    try:
        with Live(console=Console(), auto_refresh=False) as live:
            while True:
                live.update(render_tracker(look()), refresh=True)
                time.sleep(every_s)
    except KeyboardInterrupt:
        return
