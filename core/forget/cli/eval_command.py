"""`forget eval`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from forget.cli.options import json_option, names, session_from, session_options

_EPILOG = """\b
Examples:
  forget eval out/checkpoint-500 --base Qwen/Qwen3-1.7B
  forget eval runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0/checkpoints \\
      --base smollm2-135m --benchmarks mini --limit 50
"""


@click.command("eval", epilog=_EPILOG)
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--base", required=True, help="The model they were trained from: name, id or folder.")
@click.option(
    "--benchmarks", default="core10", show_default=True, help="Benchmarks and suites, by commas."
)
@click.option("--limit", type=int, help="Score only this many items of each benchmark.")
@click.option("--dry-run", is_flag=True, help="Show what would be done and what is done; no more.")
@session_options
@json_option
def command(
    checkpoints: tuple[Path, ...],
    base: str,
    benchmarks: str,
    limit: int | None,
    dry_run: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Evaluate CHECKPOINTS you already have, and the base, and say what was forgotten.

    A folder that holds checkpoint-100, checkpoint-200 ... stands for all of them.
    """
    from forget.cli.console import print_json, print_steps, print_table, quiet_libraries
    from forget.comparison import compare, find_checkpoints
    from forget.inference.models import find_model
    from forget.outlook import comparison_outlook
    from forget.report.findings import collect
    from forget.report.plain import findings_as_plain
    from forget.report.terminal import render

    session = session_from(**options)
    folders = find_checkpoints(checkpoints)
    model = find_model(base, session.catalogue)
    exams = session.exams(names(benchmarks) or (), limit)
    if dry_run:
        steps = comparison_outlook(model, folders, exams, session)
        title = f"{len(folders)} checkpoint(s) against {model.name}"
        if as_json:
            print_json({"title": title, "steps": [step._asdict() for step in steps]})
        else:
            print_steps(title, steps)
        return
    for exam in exams:
        exam.check()
    with quiet_libraries(session.workspace.root / "reports" / "eval.log") as screen:
        record = compare(base, folders, exams, session, screen)
        findings = collect(record, session.workspace.root)
    if as_json:
        print_json(findings_as_plain(findings))
    else:
        print_table(render(findings))
