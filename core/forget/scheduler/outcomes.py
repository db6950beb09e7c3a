"""What the runs of a study have found, as far as they are done."""

from __future__ import annotations

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

from forget.errors import DataError, ModelError
from forget.plan import Run
from forget.report.comparison import Outcome, comparison_as_plain, render_comparison
from forget.report.plain import findings_as_plain
from forget.report.terminal import render
from forget.run import refresh_record
from forget.scheduler.units import trained
from forget.session import Session
from forget.store.atomic import write_json, write_text
from forget.verdict.findings import collect
from forget.verdict.results import known_benchmarks
from forget.verdict.terms import Terms

__all__ = ["outcomes_of", "write_report"]

_WIDTH = 120


def outcomes_of(runs: Sequence[Run], session: Session, *, partly: bool) -> list[Outcome]:
    """Return what the runs have found whose training and whose base are done.

    Args:
        runs: The runs.
        session: What they work with.
        partly: Whether one is left out that lacks its base or has a damaged checkpoint.

    Raises:
        DataError: An evaluation is damaged.
        ModelError: A checkpoint is.
    """
    terms = known_benchmarks(Terms(), session.plugins)
    outcomes = []
    for run in runs:
        if trained(run).state != "done":
            continue
        try:
            findings = collect(refresh_record(run, session), session.workspace.root, terms)
        except (DataError, ModelError):
            if not partly:
                raise
            continue
        outcomes.append(Outcome(run.cell, str(run.folder.path), findings, run.swept))
    return outcomes


def write_report(name: str, runs: Sequence[Run], session: Session) -> Path | None:
    """Write what some runs have found below ``reports/``, as tables and as JSON; return the former.

    Args:
        name: What the files are called.
        runs: The runs; there is nothing to write if none has found anything.
        session: What they work with.
    """
    from rich.console import Console

    outcomes = outcomes_of(runs, session, partly=True)
    if not outcomes:
        return None
    console = Console(file=StringIO(), width=_WIDTH)
    for outcome in outcomes:
        console.print(f"{outcome.run}\n", render(outcome.findings), "")
    if len(outcomes) > 1:
        console.print(render_comparison(outcomes))
    folder = session.workspace.root / "reports"
    plain = [findings_as_plain(outcome.findings) for outcome in outcomes]
    write_json(
        folder / f"{name}.json", {"runs": plain, "comparison": comparison_as_plain(outcomes)}
    )
    tables = folder / f"{name}.txt"
    assert isinstance(console.file, StringIO)
    write_text(tables, console.file.getvalue())
    return tables
