"""What the runs learned and what it paid, as a table in a terminal and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["HEADINGS", "learned_as_plain", "learned_cells", "render_learned"]

HEADINGS = ("task", "cut", "tokens", "distinct", "ECE", "KL", "unchanged", "per point")
"""What `learned_cells` gives."""

_EXPLANATION = (
    "base -> checkpoint: task = accuracy on held-out problems; cut = completions cut at the length "
    "limit [%]; tokens = mean length of a completion; distinct = different bigrams among all of "
    "the completions; ECE = calibration error, mean of the benchmarks of multiple choice. "
    "unchanged = weights [%]. per point = points forgotten on average for each point gained on the "
    "task, with its interval; - where no gain is established."
)


def render_learned(learned: pd.DataFrame, names: Mapping[str, str]) -> RenderableType:
    """Return a line for each run.

    Args:
        learned: The frame of `verdict.learned.learned_frame`, not empty.
        names: What to call each run.
    """
    table = Table(title="what was learned, and what it paid", title_justify="left")
    table.add_column("run", overflow="fold")
    for heading in HEADINGS:
        table.add_column(heading, justify="right", no_wrap=True)
    for row in learned_as_plain(learned):
        table.add_row(names.get(row["run"], row["run"]), *learned_cells(row))
    return Group(table, Text(_EXPLANATION, style="dim"))


def learned_as_plain(learned: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows for `--json`; what is not known is null."""
    return [
        {str(name): _known(value) for name, value in row.items()}
        for row in learned.to_dict("records")
    ]


def learned_cells(row: Mapping[str, Any]) -> list[str]:
    """Write one row of `learned_as_plain`, in the order of `HEADINGS`."""
    unchanged, kl = row["unchanged_weights"], row["kl_to_base"]
    return [
        _change(row, "score", 100, 1),
        _change(row, "truncation_rate", 100, 1),
        _change(row, "response_tokens", 1, 0),
        _change(row, "distinct_2", 1, 2),
        _change(row, "calibration_error", 1, 3),
        "-" if kl is None else f"{kl:.2g}",
        "-" if unchanged is None else f"{100 * unchanged:.0f}",
        _price(row),
    ]


def _change(row: Mapping[str, Any], name: str, factor: float, digits: int) -> str:
    base, found = row[f"base_{name}"], row[name]
    if base is None or found is None:
        return "-"
    return f"{factor * base:.{digits}f} -> {factor * found:.{digits}f}"


def _price(row: Mapping[str, Any]) -> str:
    price, low, high = (row[f"forgetting_per_point{end}"] for end in ("", "_low", "_high"))
    if price is None:
        return "-"
    ends = "" if low is None or high is None else f" [{low:.3f}, {high:.3f}]"
    return f"{price:.3f}{ends}"


def _known(value: Any) -> Any:
    if isinstance(value, str):
        return value
    number = float(value)
    return number if isfinite(number) else None
