r"""The main tables as LaTeX with the lines of booktabs, to be taken into a paper by ``\input``."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator

from forget.report.material import Material
from forget.report.tables.layout import Change, Table, base_score
from forget.verdict.words import in_points

__all__ = ["as_latex", "escape"]

_COLUMNS = 6
"""Runs beside each other; more of them make another table."""

_NARROW = 2
"""Runs that fit into one column of a paper."""

_NEWLINE = r"\\"

_LETTERS = {
    "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_", "{": r"\{", "}": r"\}",
    "~": r"\textasciitilde{}", "^": r"\textasciicircum{}", "\\": r"\textbackslash{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "[": "{[}",  # or it is taken for the length of a line break before it
}  # fmt: skip

_SHAPES = {"forgot": r"\textbf{%s}", "improved": r"\textit{%s}"}
_SIGNS = {"forgot": r"$\downarrow$", "improved": r"$\uparrow$", "kept": r"$\dagger$"}


def as_latex(material: Material, table: Table) -> str:
    """Return one table, or several if it has more columns than fit beside each other."""
    starts = range(0, len(table.columns), _COLUMNS)
    parts = (
        _part(material, table, table.columns[start : start + _COLUMNS], number)
        for number, start in enumerate(starts, start=1)
    )
    command = " ".join(material.command.split())
    return f"% {command}\n% \\usepackage{{booktabs}}\n" + "\n".join(parts)


def escape(text: str) -> str:
    """Write a name so that LaTeX prints it as it is."""
    plain = "".join(_LETTERS.get(letter, letter) for letter in " ".join(text.split()))
    return plain.replace("--", "-{}-")  # or it becomes a dash


def _part(material: Material, table: Table, columns: tuple[str, ...], number: int) -> str:
    import pandas as pd

    frame = pd.DataFrame(
        [
            [base_score(table, exam.name, "--")]
            + [_cell(table.changes.get((exam.name, who))) for who in columns]
            for exam in table.rows
        ],
        columns=["base", *(_stacked(who, 12, "r") for who in columns)],
        index=list(_names(table)),
    )
    caption = _caption(material, table) + (" Continued." if number > 1 else "")
    label = f"tab:forgetting-{table.slug}" + (f"-{number}" if number > 1 else "")
    return frame.style.to_latex(
        environment="table" if len(columns) <= _NARROW else "table*",
        column_format="lr" + "r" * len(columns),
        position="t",
        position_float="centering",
        hrules=True,
        caption=caption,
        label=label,
    )


def _names(table: Table) -> Iterator[str]:
    """Yield the names of rows, with a line above the first that is not a benchmark."""
    kinds = [exam.kind for exam in table.rows]
    aside = next((place for place, kind in enumerate(kinds) if kind != "benchmark"), 0)
    for place, exam in enumerate(table.rows):
        yield (r"\midrule " if place == aside > 0 else "") + _stacked(exam.title, 28, "l")


def _stacked(name: str, letters: int, side: str) -> str:
    """Break a long name into lines, so that a table of long names fits on the page."""
    lines = [escape(line) for line in textwrap.wrap(name, letters)]
    if len(lines) < 2:
        return "".join(lines)
    return rf"\shortstack[{side}]{{{_NEWLINE.join(lines)}}}"


def _cell(change: Change | None) -> str:
    if change is None or not math.isfinite(change.delta):
        return "--"
    text = _SHAPES.get(change.verdict, "%s") % f"{100 * change.delta:+.1f}".replace("-", "$-$")
    if math.isfinite(change.stderr):
        text += rf"\,{{\scriptsize$\pm${100 * change.stderr:.1f}}}"
    signs = _SIGNS.get(change.verdict, "") + ("*" if change.few else "")
    # The sign takes no room, so that the numbers stand below each other.
    return rf"{text}\rlap{{\textsuperscript{{{signs}}}}}" if signs else text


def _caption(material: Material, table: Table) -> str:
    where = f" on {escape(table.name)}" if table.name else ""
    margin = in_points(material.margin)
    keys = {
        "forgot": r"bold, $\downarrow$: forgot",
        "improved": r"italic, $\uparrow$: improved",
        "kept": rf"$\dagger$: no forgetting beyond the margin of {margin} points",
        "inconclusive": "none: inconclusive",
    }
    said = [text for verdict, text in keys.items() if verdict in table.verdicts]
    said += [
        "*: not all items of the benchmark, or not all benchmarks of the average"
    ] * table.partial
    said += ["--: not evaluated"] * table.incomplete
    return (
        f"Change of the last checkpoint{where} against the base model on the same items, in "
        rf"points of 100, $\pm$ its standard error. Marks: {'; '.join(said)}."
    )
