"""A tracker laid out as sections of text: the same for a terminal and for a file of a project."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from forget.inventory.records import Entry
from forget.report.terminal import points, signed
from forget.scheduler.jobs import JobLine
from forget.scheduler.matrix import duration
from forget.scheduler.tracker.cells import (
    NONE,
    Cell,
    Section,
    change_cell,
    count_cell,
    share_cell,
    state_cell,
    tone_of,
)
from forget.scheduler.tracker.facts import (
    Named,
    Result,
    SweepLine,
    TimeLeft,
    Tracker,
    TrainingLine,
)
from forget.store.layout import checkpoint_step

__all__ = ["nothing_here", "sections", "time_in_words"]


def sections(tracker: Tracker) -> Iterator[Section]:
    """Yield what there is to show, in the order of a tracker; parts that are empty are left out."""
    who = _Who(tracker.training)
    for section in (
        _measured(tracker),
        _training(tracker.training, who),
        _sweeps(tracker, who),
        _data(tracker.data),
        _results(tracker.results, who),
        _jobs(tracker.jobs),
    ):
        if section.rows:
            yield section


def nothing_here(tracker: Tracker) -> str:
    """Say what to type where nothing was asked for yet; empty if something is there."""
    if tracker.training or tracker.data or tracker.jobs or tracker.warnings:
        return ""
    return (
        f"Nothing was asked of {tracker.out} yet, and there is no run. Begin with `forget run "
        "--method gt-sft`, see what a study comprises with `forget status --study phase1`, or name "
        "another output folder with --out."
    )


def time_in_words(left: TimeLeft) -> str:
    """Say how long it takes until all is done, as far as that is known."""
    units = "1 unit is" if left.units == 1 else f"{left.units:,} units are"
    if left.unknown_units == left.units:
        return f"{units} left, of unknown length: nothing like them was done below this folder yet."
    unknown = f", and {left.unknown_units:,} of unknown length" if left.unknown_units else ""
    return (
        f"{units} left: {duration(left.seconds)} by one process after the other{unknown}; the "
        f"longest chain takes {duration(left.chain_s)}."
    )


class _Who:
    """The columns that tell runs apart: what all have in common is left out."""

    def __init__(self, lines: Sequence[TrainingLine]) -> None:
        fields: dict[str, Callable[[TrainingLine], str]] = {
            "study": lambda line: line.study,
            "model": lambda line: line.model,
            "method": lambda line: line.method,
            "dataset": lambda line: line.dataset,
            "seed": lambda line: str(line.seed),
        }
        self._fields = [
            (name, field)
            for name, field in fields.items()
            if name in ("method", "dataset") or len({field(line) for line in lines}) > 1
        ]
        self._lines = {line.run: line for line in lines}
        self.columns = tuple(name for name, _ in self._fields)

    def cells(self, run: str) -> tuple[Cell, ...]:
        """Return the cells that name a run."""
        return tuple(Cell(field(self._lines[run])) for _, field in self._fields)


def _measured(tracker: Tracker) -> Section:
    about = tracker.measured
    rows = [
        _kind("base models", about.models, lambda item: item.title),
        _kind("benchmarks", about.benchmarks, _benchmark),
        _kind("datasets", about.datasets, lambda item: item.title),
        _kind("methods", about.methods, lambda item: item.title),
    ]
    return Section("What is measured", ("what", "which"), [row for row in rows if row[1].text])


def _kind(what: str, found: Sequence[Named], shown: Callable[[Named], str]) -> tuple[Cell, ...]:
    several = f" ({len(found)})" if len(found) > 1 else ""
    return Cell(f"{what}{several}"), Cell(", ".join(map(shown, found)))


def _benchmark(item: Named) -> str:
    metric = item.detail.partition(",")[0]
    return f"{item.title} ({metric})" if metric else item.title


def _training(lines: Sequence[TrainingLine], who: _Who) -> Section:
    rows = [
        (
            *who.cells(line.run),
            _checkpoints(line),
            count_cell(line.step, line.expected_steps),
            state_cell(line.state, _training_detail(line)),
        )
        for line in lines
    ]
    return Section("Training runs", (*who.columns, "checkpoints", ">steps", "status"), rows)


def _training_detail(line: TrainingLine) -> str:
    if line.state == "data ready" and line.examples is not None:
        return f"{line.examples:,} examples"
    return line.detail


def _checkpoints(line: TrainingLine) -> Cell:
    every = f" (every {line.every:,})" if line.every else ""
    found = count_cell(line.checkpoints, line.expected_checkpoints)
    return found if found is NONE else Cell(f"{found.text}{every}")


def _sweeps(tracker: Tracker, who: _Who) -> Section:
    lines = tracker.sweeps
    machines = {line.machine for line in lines if line.done or line.partly}
    several = len(machines) > 1
    rows = [
        (
            *who.cells(line.run),
            _models(line),
            state_cell(line.state, line.detail),
            Cell(", ".join(line.jobs)) if line.jobs else NONE,
            *([Cell(line.machine if line.done else "")] if several else []),
        )
        for line in lines
    ]
    columns = (*who.columns, ">models done", "status", "job", *(["made on"] if several else []))
    count = len(tracker.measured.benchmarks)
    note = f"Models: the base, its checkpoints, and what is made of them; {count} benchmarks each."
    return Section("Evaluation sweeps", columns, rows, note)


def _models(line: SweepLine) -> Cell:
    total = "?" if line.total is None else f"{line.total:,}"
    partly = f" + {line.partly:,} partly" if line.partly else ""
    return Cell(f"{line.done:,}/{total}{partly}", "" if line.done or line.partly else "quiet")


def _data(entries: Sequence[Entry]) -> Section:
    rows = [
        (
            Cell(entry.folder),
            Cell(entry.format),
            Cell(f"{entry.rows or 0:,}"),
            share_cell(entry.pass_rate),
            Cell(entry.purpose),
            state_cell(entry.state, entry.problem or _progress(entry)),
        )
        for entry in entries
    ]
    columns = ("folder", "format", ">rows", ">pass rate", "purpose", "state")
    note = "Data of equal content is one line; pass rate: share of a teacher's right completions."
    return Section("Data inventory", columns, rows, note)


def _progress(entry: Entry) -> str:
    if entry.state != "unfinished" or entry.expected is None:
        return ""
    return f"{entry.rows or 0:,} of {entry.expected:,}"


def _results(results: Sequence[Result], who: _Who) -> Section:
    rows = [(*who.cells(result.run), Cell(_step(result)), *_numbers(result)) for result in results]
    columns = (*who.columns, ">step", ">average", "worst benchmark", ">task accuracy")
    note = (
        "Deltas in points of 100 against the base, ± standard error; negative is forgotten. Task "
        "accuracy: held-out problems solved, and the change."
    )
    return Section("Key results so far", columns, rows, note)


def _step(result: Result) -> str:
    return f"{checkpoint_step(result.checkpoint) or 0:,}"


def _numbers(result: Result) -> tuple[Cell, ...]:
    if result.problem:
        return Cell(f"not known: {result.problem}", "bad"), NONE, NONE
    partial = f" ({result.scored} of {result.benchmarks} benchmarks)" if result.partial else ""
    average = change_cell(result.average_delta, result.average_stderr)
    worst = NONE
    if result.worst_delta is not None:
        lost = result.worst_delta < 0
        worst = Cell(f"{result.worst} {signed(result.worst_delta)}" if lost else "none lost")
    return Cell(f"{average.text}{partial}", average.tone), worst, _task(result)


def _task(result: Result) -> Cell:
    if result.task_accuracy is None:
        return NONE
    change = change_cell(result.task_delta, result.task_stderr)
    return Cell(f"{points(result.task_accuracy)} ({change.text})", change.tone)


def _jobs(jobs: Sequence[JobLine]) -> Section:
    rows = [
        (
            Cell(job.job),
            Cell(job.where),
            Cell(job.state, tone_of(job.state)),
            Cell(_units(job.units)),
            Cell(job.detail, "quiet"),
        )
        for job in jobs
    ]
    return Section("Jobs", ("job", "where", "state", "what", "said last"), rows)


def _units(units: Sequence[str]) -> str:
    if not units:
        return "—"
    more = f" and {len(units) - 1} more" if len(units) > 1 else ""
    return f"{units[0]}{more}"
