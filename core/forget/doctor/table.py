"""What was found, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from forget.convert import to_plain
from forget.doctor.diagnosis import Diagnosis, commands

__all__ = ["as_plain", "remedies", "render"]

_STYLES = {"fine": "green", "note": "yellow", "problem": "red"}
_WIDEST = 24
"""Columns for names: of 80, the rest is enough for what was found."""

_TO_DO = "\N{RIGHTWARDS ARROW} "


def render(diagnoses: Sequence[Diagnosis], *, offline: bool) -> RenderableType:
    """Return a table with a line for each thing, and below it what to do about it."""
    title = "without a network" if offline else "on this machine"
    table = Table(title=Text(title), title_justify="left", caption=Text(_summary(diagnoses)))
    table.add_column("what", overflow="fold", max_width=_WIDEST)
    table.add_column("grade", no_wrap=True)
    table.add_column("found, and what to do", overflow="fold")
    for area, found in groupby(_by_area(diagnoses), key=lambda diagnosis: diagnosis.area):
        table.add_row(Text(area, style="bold"))
        for one in found:
            lines = [one.found, *[_TO_DO + what for what in (one.remedy, one.command) if what]]
            grade = Text(one.state, style=_STYLES[one.state])
            table.add_row(Text(f"  {one.name}"), grade, Text("\n".join(lines)))
        table.add_section()
    return table


def _by_area(diagnoses: Sequence[Diagnosis]) -> list[Diagnosis]:
    """Put what is of one kind together, kinds in the order in which they were looked at."""
    areas = list(dict.fromkeys(diagnosis.area for diagnosis in diagnoses))
    return sorted(diagnoses, key=lambda diagnosis: areas.index(diagnosis.area))


def remedies(diagnoses: Sequence[Diagnosis]) -> str:
    """Return the command lines that mend what is wrong, to be pasted; empty if there is none."""
    lines = commands(diagnoses)
    if not lines:
        return ""
    head = "To get what is missing, on a machine with a network (a mirror is then named by --data):"
    return "\n".join([head, *(f"  {line}" for line in lines)])


def as_plain(diagnoses: Sequence[Diagnosis], *, offline: bool) -> dict[str, Any]:
    """Return the same as the JSON document of `forget doctor`."""
    return {
        "offline": offline,
        "checks": [to_plain(diagnosis) for diagnosis in diagnoses],
        "commands": commands(diagnoses),
    }


def _summary(diagnoses: Sequence[Diagnosis]) -> str:
    counts = {state: sum(d.state == state for d in diagnoses) for state in _STYLES}
    seconds = sum(diagnosis.seconds for diagnosis in diagnoses)
    return ", ".join(f"{count} {state}" for state, count in counts.items()) + f"; {seconds:.1f} s"
