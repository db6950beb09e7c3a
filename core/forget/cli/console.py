"""The screen: progress bars and notes for people on standard error, libraries' noise to a log."""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from forget.progress import Advance

if TYPE_CHECKING:
    from forget.outlook import Step
    from forget.report.comparison import Outcome

__all__ = [
    "Screen",
    "print_json",
    "print_outcomes",
    "print_steps",
    "print_table",
    "print_texts",
    "quiet_libraries",
]

_ENVIRONMENT = {
    # Threads that wait by spinning cost a busy machine two thirds of its training speed.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TQDM_DISABLE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "TRANSFORMERS_NO_ADVISORY_WARNINGS": "1",
}


_WORTH_A_LINE_S = 2.0
"""Where there are no bars, work without countable steps is mentioned if it took longer."""


class Screen:
    """Shows progress: bars in a terminal, one line per finished task elsewhere."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._console = Console(file=stream or sys.stderr, highlight=False)

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        """See `forget.progress.Progress.task`."""
        started = time.monotonic()
        if not self._console.is_terminal:
            yield lambda steps, detail="": None
            seconds = time.monotonic() - started
            if total is not None or seconds >= _WORTH_A_LINE_S:
                digits = 0 if seconds >= 10 else 1
                self.note(f"{description}: done in {seconds:.{digits}f} s")
            return
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}", markup=False),
            console=self._console,
        ) as bars:
            bar = bars.add_task(description, total=total, detail="")

            def advance(steps: int, detail: str = "") -> None:
                bars.update(bar, advance=steps, detail=detail)

            yield advance

    def note(self, text: str) -> None:
        """See `forget.progress.Progress.note`."""
        self._console.print(text, style="dim", markup=False, soft_wrap=True)


def print_table(table: RenderableType) -> None:
    """Print something made by rich on standard output."""
    # Names are shown as they are: folders may be called [best] or :x:.
    plain: dict[str, Any] = {"markup": False, "emoji": False}
    console = Console(**plain)
    # Without a terminal there is no width to respect: a cut table would lose what it says.
    (console if console.is_terminal else Console(**plain, width=120)).print(table)


def print_texts(texts: RenderableType) -> None:
    """Print texts on standard output as they are: lines are broken by the terminal alone."""
    Console(highlight=False).print(texts, soft_wrap=True)


def print_outcomes(outcomes: Sequence[Outcome], as_json: bool, *, several: bool) -> None:
    """Print several runs beside each other, or as JSON all of what they found."""
    from forget.report.comparison import comparison_as_plain, render_comparison
    from forget.report.plain import findings_as_plain

    if as_json:
        plain = [findings_as_plain(outcome.findings) for outcome in outcomes]
        whole = {"runs": plain, "comparison": comparison_as_plain(outcomes)}
        print_json(whole if several or not plain else plain[0])
    elif len(outcomes) > 1:
        print_table(render_comparison(outcomes))


def print_steps(title: str, steps: Sequence[Step], caption: str | None = None) -> None:
    """Print what `--dry-run` found: what is done is dimmed."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title), title_justify="left", caption=Text(caption or ""))
    table.add_column("step")
    table.add_column("state")
    for step in steps:
        table.add_row(Text(step.what), Text(step.state), style="dim" if step.done else "")
    print_table(table)


def print_json(value: Any) -> None:
    """Print one JSON document on standard output."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


@contextmanager
def quiet_libraries(log: Path) -> Iterator[Screen]:
    """Send whatever libraries print, warn or log to `log`; give the screen that is left.

    The file descriptors themselves are turned, because C++ code and child processes write there.
    """
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    log.parent.mkdir(parents=True, exist_ok=True)
    opened = log.open("a", encoding="utf-8", errors="backslashreplace", buffering=1)
    with opened as file, _descriptors_to(file) as stream:
        handler = logging.StreamHandler(file)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
        root = logging.getLogger()
        root.addHandler(handler)
        logging.captureWarnings(True)
        warnings.simplefilter("default")
        try:
            yield Screen(stream)
        finally:
            root.removeHandler(handler)
            logging.captureWarnings(False)


@contextmanager
def _descriptors_to(file: TextIO) -> Iterator[TextIO]:
    """Turn standard output and error into `file`; give a stream to the former standard error."""
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        sys.stderr.fileno()
    except (io.UnsupportedOperation, AttributeError):  # captured by a test runner or a notebook
        yield sys.stderr
        return
    saved = [os.dup(1), os.dup(2)]
    with os.fdopen(
        os.dup(saved[1]), "w", 1, encoding=sys.stderr.encoding, errors=sys.stderr.errors
    ) as stream:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        try:
            yield stream
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, copy in enumerate(saved, start=1):
                os.dup2(copy, number)
                os.close(copy)
