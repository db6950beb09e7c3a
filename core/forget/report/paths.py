"""Paths in tables, broken after slashes where they do not fit."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, ConsoleOptions, RenderResult
from rich.measure import Measurement
from rich.text import Text

__all__ = ["Paths"]

_SHORT = 24
"""Width up to which a line is not broken."""


class Paths:
    """A path, and dimmed lines below it; each takes two lines at most if there is width for it."""

    def __init__(self, path: str, below: tuple[str, ...] | list[str] = ()) -> None:
        self._lines = [(path, ""), *((line, "dim") for line in below)]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Yield the lines, broken for the width there is."""
        for text, style in self._lines:
            for line in _broken(text, options.max_width):
                yield Text(line, style=style, overflow="fold")

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        """Ask for the width at which no line is broken more than once, short ones not at all.

        Where there is no terminal, programs read the lines: they ask for all of it.
        """
        longest = max(len(text) for text, _ in self._lines)
        unbroken = min(longest, _SHORT) if console.is_terminal else longest
        width = max(unbroken, *(_width_of_two(text) for text, _ in self._lines))
        return Measurement(width, width).with_maximum(options.max_width)


def _width_of_two(text: str) -> int:
    """Return the smallest width at which a text takes two lines at most."""
    parts = _parts(text)
    return min(
        max(len("".join(parts[:cut]).rstrip()), len("".join(parts[cut:]).rstrip()))
        for cut in range(len(parts))
    )


def _broken(text: str, width: int) -> Iterator[str]:
    line = ""
    for part in _parts(text):
        if line and len(line) + len(part.rstrip()) > width:
            yield line
            line = ""
        line += part
    yield line


def _parts(text: str) -> list[str]:
    """Split a text after its slashes and spaces."""
    parts = [""]
    for letter in text:
        parts[-1] += letter
        if letter in "/ ":
            parts.append("")
    return [part for part in parts if part] or [""]
