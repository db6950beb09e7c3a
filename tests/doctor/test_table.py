"""What people see: in 80 columns, by subject, with what to do below what was found."""

from __future__ import annotations

import io

from rich.console import Console

from forget.doctor.diagnosis import Diagnosis
from forget.doctor.table import render

FOUND = [
    Diagnosis(area="environment", name="Python", state="fine", found="3.11"),
    Diagnosis(
        area="model",
        name="a-model-with-a-very-long-name-of-its-own",
        state="problem",
        found="not in the Hub's cache " * 5,
        remedy="fetch it",
        command="hf download someone/a-model --exclude '*.bin' --exclude '*.pth'",
        seconds=1.25,
    ),
    Diagnosis(area="environment", name="torch", state="note", found="[2.0]", remedy="try 2.1"),
]


def test_it_fits_eighty_columns() -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, markup=False, emoji=False)
    console.print(render(FOUND, offline=False))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert max(map(len, lines)) <= 80
    text = "\n".join(lines)
    assert lines[0] == "on this machine"
    assert text.index("  torch") < text.index(" model ")
    assert "→ try 2.1" in text
    assert "→ hf download someone/a-model" in text
    assert "1 fine, 1 note, 1 problem; 1.2 s" in text
