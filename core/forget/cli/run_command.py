"""`forget run`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from forget.cli.options import (
    json_option,
    request_from,
    request_options,
    session_from,
    session_options,
)

if TYPE_CHECKING:
    from forget.plan import Plan, Run, RunRequest
    from forget.session import Session

_EPILOG = """\b
Examples:
  forget run --method gt-sft
  forget run --method gt-sft --dataset gsm8k --benchmarks core10 --limit 20 --max-steps 20
  forget run --method gt-sft --set lora_rank=8 --set lr=2e-4 --seed 1
  forget run --method sf-sft --teacher self --set samples=8
  forget run --method gt-sft --restrict-to runs/demo/smollm2-135m/arithmetic/sf-sft/seed-0
  forget run --method gt-sft --sweep lr=1e-5,3e-5,1e-4 --sweep lora_rank=0,8
  forget run --study phase1 --method gt-sft --dry-run
  forget run --study phase1 --on slurm

The same command continues a run that was interrupted.
"""


@click.command("run", epilog=_EPILOG)
@request_options
@click.option(
    "--on",
    "executor",
    type=click.Choice(["local", "slurm"]),
    help="Do it in processes on every GPU of this machine, or in jobs of a cluster.",
)
@click.option(
    "--slots", type=int, help="Processes at a time with --on local.  [default: a GPU each]"
)
@click.option("--cluster", help="Cluster of the registry, for --on slurm.  [default: the only one]")
@click.option("--dry-run", is_flag=True, help="Show what would be done and what is done; no more.")
@session_options
@json_option
def command(
    executor: str | None,
    slots: int | None,
    cluster: str | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Train by a method, evaluate base and every checkpoint, and say what was forgotten.

    Give --method, or a whole --study.
    """
    from forget.cli.slurm import submit_study
    from forget.plan import plan
    from forget.scheduler.requests import remember

    if slots is not None and executor != "local":
        raise click.UsageError("--slots is for several processes. Add --on local.")
    if cluster is not None and executor != "slurm":
        raise click.UsageError("--cluster is for jobs. Add --on slurm.")
    request, rest = request_from(**options)
    session = session_from(**rest)
    planned = plan(request, session)
    if dry_run:
        _show_outlook(planned, session, as_json)
        return
    if executor == "slurm":
        submit_study(planned, request, session, cluster, as_json)
        return
    _check(planned, session)
    remember(request, session)
    if executor is None:
        _carry_out(planned, session, as_json)
    else:
        _execute(planned, request, session, slots, as_json)


def _show_outlook(planned: Plan, session: Session, as_json: bool) -> None:
    from forget.cli.console import print_json, print_steps
    from forget.outlook import outlook
    from forget.run import check_ready

    found = []
    for run in planned.runs:
        check_ready(run)
        found.append((run, outlook(run, session)))
    if as_json:
        print_json(
            {
                "runs": [_outlook_as_plain(run, steps) for run, steps in found],
                "pending": [waiting._asdict() for waiting in planned.pending],
            }
        )
        return
    for run, steps in found:
        print_steps(run.title, steps, caption=str(run.folder.path))
    for waiting in planned.pending:
        click.echo(str(waiting))


def _outlook_as_plain(run: Run, steps: list[Any]) -> dict[str, Any]:
    return {
        "title": run.title,
        "folder": str(run.folder.path),
        "settings": run.frozen(),
        "steps": [step._asdict() for step in steps],
    }


def _check(planned: Plan, session: Session) -> None:
    from forget.run import preflight

    preflight(planned.runs, session)
    for waiting in planned.pending:
        click.secho(str(waiting), fg="yellow", err=True)


def _execute(
    planned: Plan, request: RunRequest, session: Session, slots: int | None, as_json: bool
) -> None:
    """Have processes do it, and show what those runs have found that are done."""
    from forget.cli.console import print_outcomes, print_table
    from forget.cli.jobs import JobsView, failures_in_words
    from forget.errors import WorkError
    from forget.report.terminal import render
    from forget.scheduler.local import LocalExecutor, find_slots
    from forget.scheduler.outcomes import outcomes_of

    view = JobsView()
    executor = LocalExecutor(planned.runs, request, session, find_slots(session, slots), view.tell)
    with view.shown():
        executor.run()
    outcomes = outcomes_of(planned.runs, session, partly=bool(executor.failures))
    for outcome in () if as_json else outcomes:
        print_table(render(outcome.findings))
    print_outcomes(outcomes, as_json, several=len(planned.runs) > 1)
    if executor.failures:
        raise WorkError(failures_in_words(list(executor.failures.values())))


def _carry_out(planned: Plan, session: Session, as_json: bool) -> None:
    from forget.cli.console import print_outcomes, print_table, quiet_libraries
    from forget.report.comparison import Outcome
    from forget.report.terminal import render
    from forget.run import carry_out
    from forget.verdict.findings import collect
    from forget.verdict.results import known_benchmarks
    from forget.verdict.terms import Terms

    terms = known_benchmarks(Terms(), session.plugins)
    outcomes = []
    for run in planned.runs:
        with quiet_libraries(run.folder.log) as screen:
            screen.note(f"{run.title}  ->  {run.folder.path}")
            record = carry_out(run, session, screen)
            findings = collect(record, session.workspace.root, terms)
        outcomes.append(Outcome(run.cell, str(run.folder.path), findings, run.swept))
        if not as_json:
            print_table(render(findings))
    print_outcomes(outcomes, as_json, several=len(outcomes) > 1)
