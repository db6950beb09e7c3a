"""What was found, for people and for programs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from forget.convert import to_plain
from forget.doctor.diagnosis import Diagnosis, commands

__all__ = ["as_plain", "remedies", "render"]

_STYLES = {"ok": "green", "warning": "yellow", "problem": "red"}


def render(diagnoses: Sequence[Diagnosis], *, offline: bool) -> RenderableType:
    """Return a table with a line for each thing."""
    title = "without a network" if offline else "on this machine"
    table = Table(title=Text(title), title_justify="left", caption=Text(_summary(diagnoses)))
    table.add_column("what", overflow="fold")
    table.add_column("state", no_wrap=True)
    table.add_column("found", overflow="fold")
    table.add_column("what to do", overflow="fold")
    for found in diagnoses:
        table.add_row(
            Text(f"{found.area} {found.name}"),
            Text(found.state, style=_STYLES[found.state]),
            Text(found.found),
            Text("; ".join(filter(None, (found.remedy, found.command)))),
        )
    return table


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
