"""Progress as work reports it; who shows it (a bar, a log, nobody) is not the work's business."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["Advance", "Progress", "Silent"]


class Advance(Protocol):
    """Moves a bar on."""

    def __call__(self, steps: int, detail: str = "") -> None:
        """Advance by some steps; `detail` is shown beside the bar: ``43 % correct``."""
        ...


class Progress(Protocol):
    """Where long work says how far it is."""

    def task(self, description: str, total: int | None) -> AbstractContextManager[Advance]:
        """Open a bar of `total` steps (None: unknown); the value advances it by some steps."""
        ...

    def note(self, text: str) -> None:
        """Tell the user one line worth knowing."""
        ...


class Silent:
    """Progress that nobody watches: the default in libraries and tests."""

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Advance]:
        """Accept advances and forget them."""
        yield lambda steps, detail="": None

    def note(self, text: str) -> None:
        """Drop the line."""
