"""`forget eval`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from forget.cli.completing import complete_names
from forget.cli.options import json_option, names, session_from, session_options

if TYPE_CHECKING:
    from forget.evaluation.exam import Exam
    from forget.evaluation.shards import Shard
    from forget.inference.models import ModelReference
    from forget.session import Session

_EPILOG = """\b
Examples:
  forget eval out/checkpoint-500 --base Qwen/Qwen3-1.7B
  forget eval runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0/checkpoints \\
      --base smollm2-135m --benchmarks mini --limit 50
  forget eval out --base Qwen/Qwen3-1.7B --shard 1/4
  forget eval out --base Qwen/Qwen3-1.7B --benchmarks arc_easy --parity 50
"""


@click.command("eval", epilog=_EPILOG)
@click.argument("checkpoints", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--base",
    required=True,
    shell_complete=complete_names("models"),
    help="The model they were trained from: name, id or folder.",
)
@click.option(
    "--benchmarks",
    default="core10",
    show_default=True,
    shell_complete=complete_names("suites", "benchmarks", several=True),
    help="Benchmarks and suites, by commas.",
)
@click.option("--limit", type=int, help="Score only this many items of each benchmark.")
@click.option("--dry-run", is_flag=True, help="Show what would be done and what is done; no more.")
@click.option("--shard", metavar="K/N", help="Do the K-th of N parts of the work, and no more.")
@click.option(
    "--parity",
    type=click.IntRange(min=1),
    metavar="N",
    help="Score N items of each benchmark by lm-eval's own model too; status 3 if they differ.",
)
@click.option(
    "--repeat", is_flag=True, help="Score the base twice: what differs is the engine's noise."
)
@session_options
@json_option
def command(
    checkpoints: tuple[Path, ...],
    base: str,
    benchmarks: str,
    limit: int | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Evaluate CHECKPOINTS you already have, and the base, and say what was forgotten.

    A folder that holds checkpoint-100, checkpoint-200 ... stands for all of them, by step.
    LoRA adapters are checkpoints too.
    """
    from forget.comparison import find_checkpoints
    from forget.evaluation.shards import parse_shard
    from forget.inference.models import find_model

    asked = _Asked(
        dry_run=options.pop("dry_run"),
        shard=parse_shard(text) if (text := options.pop("shard")) else None,
        parity=options.pop("parity"),
        repeat=options.pop("repeat"),
    )
    session = session_from(**options)
    folders = find_checkpoints(checkpoints)
    model = find_model(base, session.catalogue)
    selection = names(benchmarks) or ()
    exams = session.exams(selection, limit)
    if asked.dry_run:
        _show_outlook(model, folders, exams, session, as_json)
        return
    few = session.exams(selection, asked.parity) if asked.parity is not None else []
    for exam in exams:
        exam.check()
    _evaluate(_Comparison(base, folders, exams, few), asked, session, as_json)


class _Asked(NamedTuple):
    """What is to be done besides the comparison."""

    dry_run: bool
    shard: Shard | None
    parity: int | None
    repeat: bool


class _Comparison(NamedTuple):
    """What is compared; `few` are the exams of a parity check."""

    base: str
    folders: list[Path]
    exams: list[Exam]
    few: list[Exam]


def _evaluate(what: _Comparison, asked: _Asked, session: Session, as_json: bool) -> None:
    from forget.cli.console import print_json, print_table, quiet_libraries
    from forget.comparison import check_parity, compare, measure_noise
    from forget.report.agreement import agreements_as_plain, render_agreements, require
    from forget.report.plain import findings_as_plain
    from forget.report.terminal import render
    from forget.verdict.findings import collect
    from forget.verdict.results import known_benchmarks
    from forget.verdict.terms import Terms

    parity, noise = None, None
    with quiet_libraries(session.workspace.root / "reports" / "eval.log") as screen:
        record = compare(what.base, what.folders, what.exams, session, screen, asked.shard)
        if asked.shard is not None:
            screen.note(
                f"shard {asked.shard} is done; when all are, the command without --shard reports"
            )
            return
        terms = known_benchmarks(Terms(), session.plugins)
        findings = collect(record, session.workspace.root, terms)
        if asked.repeat:
            noise = measure_noise(what.base, what.exams, session, screen)
        if asked.parity is not None:
            parity = check_parity(what.base, what.few, session, screen)
    if as_json:
        plain = findings_as_plain(findings)
        checks = {"noise": noise, "parity": parity}
        found = {name: agreements_as_plain(c) for name, c in checks.items() if c is not None}
        print_json({**plain, **found})
    else:
        print_table(render(findings))
        if noise is not None:
            print_table(render_agreements("the engine against itself (A/A)", noise))
        if parity is not None:
            print_table(render_agreements("the engine against lm-eval's own model", parity))
    if parity is not None:
        require(parity)


def _show_outlook(
    model: ModelReference, folders: list[Path], exams: list[Exam], session: Session, as_json: bool
) -> None:
    from forget.cli.console import print_json, print_steps
    from forget.outlook import comparison_outlook

    steps = comparison_outlook(model, folders, exams, session)
    title = f"{len(folders)} checkpoint(s) against {model.name}"
    if as_json:
        print_json({"title": title, "steps": [step._asdict() for step in steps]})
    else:
        print_steps(title, steps)
