"""Progress as work reports it; who shows it (a bar, a log, nobody) is not the work's business."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

__all__ = ["Progress", "Silent"]


class Progress(Protocol):
    """Where long work says how far it is."""

    def task(
        self, description: str, total: int | None
    ) -> AbstractContextManager[Callable[[int], None]]:
        """Open a bar of `total` steps (None: unknown); the value advances it by some steps."""
        ...

    def note(self, text: str) -> None:
        """Tell the user one line worth knowing."""
        ...


class Silent:
    """Progress that nobody watches: the default in libraries and tests."""

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Accept advances and forget them."""
        yield lambda steps: None

    def note(self, text: str) -> None:
        """Drop the line."""
