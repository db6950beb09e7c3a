"""`forget work`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from forget.cli.options import request_from, request_options, session_from, session_options

if TYPE_CHECKING:
    from forget.scheduler.units import Stage

_EPILOG = """\b
Examples:
  forget work prepare --method gt-sft
  forget work train --method gt-sft
  forget work evaluate base step-000010 --method gt-sft
  forget work evaluate --study phase1 --method gt-sft --dataset gsm8k

`forget run` does all stages one after the other; here are the parts, for several processes or jobs.
The same command continues what was interrupted.
"""


@click.command("work", epilog=_EPILOG)
@click.argument("stage", type=click.Choice(["prepare", "train", "evaluate"]))
@click.argument("models", nargs=-1)
@request_options
@session_options
def command(stage: Stage, models: tuple[str, ...], **options: Any) -> None:
    """Do one STAGE of the runs that are meant.

    To evaluate takes the names of MODELS: base, step-000100; without any, all that are there.
    Checkpoints can be evaluated while the training goes on, and by several processes at once.
    """
    from forget.cli.console import quiet_libraries
    from forget.plan import plan
    from forget.scheduler.work import check_work, work

    if models and stage != "evaluate":
        raise click.UsageError(f"To {stage} takes no models, but got {' '.join(models)}.")
    request, rest = request_from(**options)
    session = session_from(**rest)
    runs = plan(request, session).runs
    for run in runs:
        check_work(run, stage, models)
    for run in runs:
        with quiet_libraries(run.folder.log) as screen:
            screen.note(f"{run.title}: {stage}  ->  {run.folder.path}")
            work(run, stage, models, session, screen)
