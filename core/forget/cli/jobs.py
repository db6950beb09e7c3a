"""The processes of an executor on the screen: a live table, or a line for each start and end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.table import Table
from rich.text import Text

from forget.errors import BusyError
from forget.scheduler.jobs import last_line
from forget.scheduler.local import Failure, Job

__all__ = ["JobsView", "failures_in_words"]

_BUSY = BusyError.exit_status


class JobsView:
    """Shows what runs where, since when, and the last line that it said."""

    def __init__(self) -> None:
        self._console = Console(file=sys.stderr, highlight=False)
        self._running: list[Job] = []

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show a live table while the block runs, if this is a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with Live(console=self._console, get_renderable=self._table, refresh_per_second=2):
            yield

    def tell(self, job: Job, status: int | None) -> None:
        """Take the start of a process, or its end."""
        if status is None:
            self._running.append(job)
            self._line(f"{job.slot.name}: {job.title}")
            return
        self._running.remove(job)
        took = time.monotonic() - job.started
        end = "done" if status == 0 else "put off" if status == _BUSY else _how(status)
        self._line(f"{job.slot.name}: {job.title}: {end} after {took:.0f} s")

    def _line(self, text: str) -> None:
        self._console.print(text, style="dim", markup=False, soft_wrap=True)

    def _table(self) -> Table:
        table = Table(title="running", title_justify="left", expand=True)
        for heading in ("where", "what", "since", "last said"):
            table.add_column(heading, no_wrap=True, overflow="ellipsis")
        for job in self._running:
            minutes, seconds = divmod(int(time.monotonic() - job.started), 60)
            said = Text(last_line(job.log), style="dim")
            table.add_row(job.slot.name, Text(job.title), f"{minutes}:{seconds:02}", said)
        return table


def failures_in_words(failures: Sequence[Failure]) -> str:
    """Say what was given up, and where to look."""
    parts = [
        f"{failure.title} was given up: its last process {_how(failure.status)}. The end of "
        f"{failure.log}:\n{failure.last}"
        for failure in failures
    ]
    again = "Everything else that could be done is done; the same command tries again."
    return "\n".join([*parts, again])


def _how(status: int) -> str:
    if status < 0:
        known = -status in list(signal.Signals)
        return f"was ended by {signal.Signals(-status).name if known else f'signal {-status}'}"
    if status == 0:
        return "ended without an error, but not all is done"
    return f"failed with status {status}"
