"""What is said of each run in words, from its last checkpoint's rows of the frame."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import attrs

from forget.report.page.labels import model_prefixes, records, run_labels
from forget.report.page.numbers import interval, known, points, signed
from forget.report.page.verdicts import VERDICTS

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["RunSummary", "headline", "summaries"]

Row = dict[str, Any]

_NAMED = 4
"""Benchmarks that a sentence names; a longer list is read in the table."""


@attrs.frozen(kw_only=True)
class RunSummary:
    """One run's last checkpoint, or a checkpoint that was compared.

    Attributes:
        run: The title of the run.
        label: What tells it from the others of the page.
        checkpoint: The checkpoint that is judged.
        benchmarks: The frame's rows of its benchmarks.
        average: The row of the average; None if there is none.
        worst: The row of the benchmark that lost most; None if none is evaluated.
        task: The row of the trained task; None if there is none.
    """

    run: str
    label: str
    checkpoint: str
    benchmarks: Sequence[Row]
    average: Row | None
    worst: Row | None
    task: Row | None

    @property
    def counts(self) -> dict[str, int]:
        """How many benchmarks got each verdict."""
        found = Counter(row["verdict"] for row in self.benchmarks)
        return {name: found[name] for name in VERDICTS}

    @property
    def sentence(self) -> str:
        """What happened, for a reader who reads nothing else."""
        if not self.benchmarks:
            return "No benchmark was asked for, so nothing can be said about forgetting."
        parts = [*self._judged(), *self._left(), self._on_average(), self._learned()]
        return " ".join(part for part in parts if part)

    def _named(self, verdict: str) -> str:
        rows = sorted(
            (row for row in self.benchmarks if row["verdict"] == verdict),
            key=lambda row: row["delta"],
            reverse=verdict == "improved",
        )
        names = [f"{row['title']} {signed(row['delta'])}" for row in rows[:_NAMED]]
        more = [f"{len(rows) - _NAMED} more"] if rows[_NAMED:] else []
        return ", ".join(names + more)

    def _judged(self) -> list[str]:
        counts, total = self.counts, len(self.benchmarks)
        if counts["missing"] == total:
            said = ["Not evaluated yet on any benchmark, so nothing can be said about forgetting."]
        elif counts["forgot"]:
            said = [f"Forgot {counts['forgot']} of {total} benchmarks ({self._named('forgot')})."]
        elif counts["kept"] + counts["improved"] == total:
            said = ["Forgot nothing beyond the margin on any benchmark."]
        else:
            said = ["No benchmark is shown to be forgotten, which is not to say that none is."]
        if counts["improved"]:
            said.append(f"Improved {counts['improved']} ({self._named('improved')}).")
        return said

    def _left(self) -> list[str]:
        counts = self.counts
        said = []
        if counts["kept"] and counts["kept"] < len(self.benchmarks):
            said.append(f"Kept {counts['kept']} within the margin.")
        if counts["inconclusive"]:
            sizes = [
                row["detectable"]
                for row in self.benchmarks
                if row["verdict"] == "inconclusive" and known(row["detectable"])
            ]
            said.append(f"Inconclusive on {counts['inconclusive']}{_detectable(sizes)}.")
        if 0 < counts["missing"] < len(self.benchmarks):
            missing = [row["title"] for row in self.benchmarks if row["verdict"] == "missing"]
            said.append(f"Not evaluated: {', '.join(missing)}.")
        return said

    def _on_average(self) -> str:
        row = self.average
        if row is None or not known(row["delta"]):
            return "There is no average."
        said = f"{signed(row['delta'])} points {interval(row['low'], row['high'])}"
        if self.counts["missing"]:
            return f"The {row['title']} is {said}."
        return f"On average {said}."

    def _learned(self) -> str:
        row = self.task
        if row is None:
            return ""
        if not known(row["delta"]):
            return "The trained task is not evaluated."
        return (
            f"On its own task it went from {points(row['base_score'])} to {points(row['score'])} "
            f"({signed(row['delta'])} {interval(row['low'], row['high'])})."
        )


def summaries(results: pd.DataFrame) -> list[RunSummary]:
    """Return a summary for each checkpoint that is judged, in the frame's order.

    That is the last one of a run, and each one of a comparison.
    """
    labels = run_labels(results)
    judged = results[results["last"].astype(bool)]
    prefixes = model_prefixes(results)
    found = []
    for _, rows in judged.groupby(["run", "checkpoint"], sort=False):
        lines = records(rows)
        kinds = {kind: [line for line in lines if line["kind"] == kind] for kind in _KINDS}
        scored = [line for line in kinds["benchmark"] if known(line["delta"])]
        run, checkpoint = lines[0]["run"], lines[0]["checkpoint"]
        found.append(
            RunSummary(
                run=run,
                label=prefixes[run] + checkpoint if run in prefixes else labels[run],
                checkpoint=checkpoint,
                benchmarks=kinds["benchmark"],
                average=next(iter(kinds["average"]), None),
                worst=min(scored, key=lambda line: float(line["delta"]), default=None),
                task=next(iter(kinds["task"]), None),
            )
        )
    return found


_KINDS = ("benchmark", "average", "task")


def headline(found: Sequence[RunSummary]) -> str:
    """Say in one paragraph what all runs together come to."""
    if not found:
        return "There is no checkpoint yet, so there is nothing to judge."
    if len(found) == 1:
        return found[0].sentence
    forgot = [run for run in found if run.counts["forgot"]]
    clean = [
        run
        for run in found
        if run.benchmarks and run.counts["kept"] + run.counts["improved"] == len(run.benchmarks)
    ]
    groups = {
        "forgot something on at least one benchmark": len(forgot),
        "forgot nothing beyond the margin on any": len(clean),
        "cannot be decided": len(found) - len(forgot) - len(clean),
    }
    parts = [f"{count} {what}" for what, count in groups.items() if count]
    said = [f"Of {len(found)} models, {', '.join(parts)}."]
    whole = [run for run in found if not run.counts["missing"]]
    averaged = [run for run in whole if run.average and known(run.average["delta"])]
    if averaged:
        key = _average
        worst, best = min(averaged, key=key), max(averaged, key=key)
        said.append(
            f"The average over the benchmarks goes from {signed(key(worst))} points "
            f"({worst.label}) to {signed(key(best))} ({best.label})."
        )
    incomplete = sum(bool(run.counts["missing"]) for run in found)
    if incomplete:
        said.append(f"{_models(incomplete)} not evaluated on all benchmarks.")
    return " ".join(said)


def _average(run: RunSummary) -> float:
    assert run.average is not None
    return float(run.average["delta"])


def _models(count: int) -> str:
    return "One model is" if count == 1 else f"{count} models are"


def _detectable(sizes: Sequence[float]) -> str:
    if not sizes:
        return ""
    low, high = points(min(sizes)), points(max(sizes))
    size = f"{low} points" if low == high else f"{low} to {high} points"
    return f", where a drop of {size} would probably have shown"
