"""`forget compare`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from forget.cli.completing import complete_names, complete_runs
from forget.cli.options import json_option, names, session_from, session_options

if TYPE_CHECKING:
    from collections.abc import Sequence

    from forget.session import Session
    from forget.verdict.answered import Side

_EPILOG = """\b
Examples:
  forget compare results/base results/tuned
  forget compare results/base results/tuned --max-drop 0.01 --fail
  forget compare runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0:step-000010 \\
      runs/demo/smollm2-135m/arithmetic/gt-sft/seed-0
  forget compare Qwen/Qwen3-1.7B out/checkpoint-500 --benchmarks arc_easy,mmlu
"""


@click.command("compare", epilog=_EPILOG)
@click.argument("a", shell_complete=complete_runs)
@click.argument("b", shell_complete=complete_runs)
@click.option(
    "--benchmarks",
    shell_complete=complete_names("suites", "benchmarks", several=True),
    help="Benchmarks and suites, by commas.  [default: all that both have]",
)
@click.option("--limit", type=int, help="Score models on only this many items of each benchmark.")
@click.option(
    "--despite",
    multiple=True,
    metavar="NAME",
    help="Compare although this setting differs (repeatable).",
)
@click.option(
    "--max-drop",
    default=0.01,
    metavar="SHARE",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    help="The largest drop of a score that is accepted, 1 for 100 points.  [default: 0.01]",
)
@click.option(
    "--fail",
    is_flag=True,
    help="Status 3 if a benchmark, or the average, lost more, and not by chance.",
)
@click.option("--strict", is_flag=True, help="With --fail: also if it cannot be ruled out.")
@session_options
@json_option
def command(
    a: str, b: str, benchmarks: str | None, limit: int | None, as_json: bool, **options: Any
) -> None:
    """Compare B with A item by item, and say whether B lost anything.

    Each is a run directory (its last checkpoint; RUN:step-000100 is another), a file or folder of
    lm-eval's results with samples (--log_samples), or a model by name, Hub id or folder, which is
    evaluated, or was already. Two that were not evaluated alike are refused.
    """
    from forget.cli.console import print_json, print_table
    from forget.errors import CheckFailed
    from forget.report.compared import comparison_as_json, render_compared
    from forget.verdict.gate import check_alike, compare_sides, failures
    from forget.verdict.sides import find_sides, is_model
    from forget.verdict.terms import Terms

    texts = (a, b)
    despite, terms = options.pop("despite"), Terms(margin=options.pop("max_drop"))
    fail, strict = options.pop("fail"), options.pop("strict")
    models = any(is_model(text) for text in texts)
    if limit is not None and not models:
        raise click.UsageError("--limit is for models that are evaluated; A and B have been.")
    session = session_from(**options, lazy=not models)
    selection = names(benchmarks)
    wanted = None if selection is None else session.catalogue.benchmark_names(selection)
    sides = find_sides(texts, session, selection, limit)
    check_alike(sides, wanted, despite)
    comparison = compare_sides(_evaluated(sides, wanted, session), wanted, despite, terms)
    why = failures(comparison, strict=strict)
    if as_json:
        print_json(comparison_as_json(comparison, why))
    else:
        print_table(render_compared(comparison, () if fail else why))
    if fail and why:
        raise CheckFailed(f"{b} may not replace {a}: {' '.join(why)}")


def _evaluated(
    sides: tuple[Side, Side], wanted: Sequence[str] | None, session: Session
) -> tuple[Side, Side]:
    """Evaluate what has to be."""
    from forget.cli.console import quiet_libraries
    from forget.verdict.gate import check_items
    from forget.verdict.sides import evaluated

    base, other = sides
    if base.evaluate is None and other.evaluate is None:
        return base, other
    with quiet_libraries(session.workspace.root / "reports" / "compare.log") as screen:
        check_items(sides, wanted)
        return evaluated(base, screen), evaluated(other, screen)
