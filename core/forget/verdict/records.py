"""Finds the sweeps that a report is about."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from forget.errors import DataError
from forget.evaluation.record import SweepRecord, read_record
from forget.store.layout import RunFolder, Workspace

__all__ = ["FoundRecord", "find_records", "runs_to_come"]


class FoundRecord(NamedTuple):
    """A sweep that a report is about.

    Attributes:
        record: What was compared.
        path: Where it was found: a run directory, or the file of a comparison.
        root: The output folder that the record's paths are relative to.
    """

    record: SweepRecord
    path: Path
    root: Path


def find_records(runs: Sequence[Path], out: Path) -> list[FoundRecord]:
    """Return each sweep that was asked for.

    Args:
        runs: Run directories; empty for every run and comparison below `out`. One that is named
            twice is taken once.
        out: The output folder.

    Raises:
        DataError: There is nothing to report, or a folder is not a run directory.
    """
    if runs:
        firsts = {path.resolve(): path for path in reversed(runs)}
        return [
            FoundRecord(read_record(_run(path).sweep), path, Workspace.of_run(path).root)
            for path in runs
            if firsts[path.resolve()] is path
        ]
    workspace = Workspace(out.absolute())
    places = [(run.sweep, run.path) for run in workspace.runs() if run.sweep.is_file()]
    places += [(file, file) for file in workspace.comparisons()]
    if not places:
        raise DataError(
            f"There is nothing to report below {out}: no run has been evaluated there yet. "
            "Make one with `forget run`, or name the output folder with --out."
        )
    return [FoundRecord(read_record(file), path, workspace.root) for file, path in places]


def runs_to_come(out: Path) -> list[Path]:
    """Return the run directories below an output folder that nothing has been evaluated of."""
    return [run.path for run in Workspace(out.absolute()).runs() if not run.sweep.is_file()]


def _run(path: Path) -> RunFolder:
    run = RunFolder(path.absolute())
    if not run.runfile.is_file():
        raise DataError(f"{path} is not a run directory: it has no {run.runfile.name}.")
    return run
