"""A tracker as a Markdown file that a project keeps beside its code."""

from __future__ import annotations

from collections.abc import Iterator

from forget.report import markdown
from forget.scheduler.tracker.facts import Tracker
from forget.scheduler.tracker.tables import nothing_here, sections, time_in_words

__all__ = ["as_markdown"]


def as_markdown(tracker: Tracker) -> str:
    """Return the whole tracker."""
    return "\n".join(_parts(tracker))


def _parts(tracker: Tracker) -> Iterator[str]:
    yield "# Experiment Status Tracker\n"
    yield f"**Last updated:** {tracker.at:%Y-%m-%d %H:%M %Z}\n"
    nothing = nothing_here(tracker)
    if nothing:
        yield f"{nothing}\n"
    for warning in tracker.warnings:
        yield f"> {' '.join(warning.split())}\n"
    for section in sections(tracker):
        yield f"## {section.title}\n"
        headings = [column.removeprefix(">").capitalize() for column in section.columns]
        yield markdown.table(headings, ([cell.text for cell in row] for row in section.rows))
        if section.note:
            yield f"{section.note}\n"
    if tracker.advice or tracker.left:
        yield "## What to do next\n"
    if tracker.left:
        yield f"{time_in_words(tracker.left)}\n"
    for advice in tracker.advice:
        yield f"- {advice.why}:\n\n  ```bash\n  {advice.command}\n  ```\n"
