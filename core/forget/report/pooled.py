"""Methods over several training seeds, as a table in a terminal and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from forget.report.terminal import STYLES, Snug, ends, points, probability, signed

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["pooled_as_plain", "render_pooled"]

_EXPLANATION = (
    "Each method over those of its training seeds that have been evaluated, at the last step that "
    "they have in common: trainings and items both count as samples, so this is about the method "
    "and not about one run. sd = spread between trainings, beyond the noise of the items."
)


def render_pooled(pooled: pd.DataFrame) -> RenderableType:
    """Return a line for each method's average, its task, and what it forgot or improved.

    Args:
        pooled: The frame of `verdict.pooled.POOLED`, not empty.
    """
    table = Table(title="methods over their training seeds", title_justify="left")
    differing = [name for name in ("study", "model", "dataset") if pooled[name].nunique() > 1]
    for heading in ("method", *differing, "benchmark"):
        table.add_column(heading, overflow="fold")
    for heading in ("step", "seeds", "delta", "interval", "sd", "p"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    shown = (pooled.kind != "benchmark") | pooled.verdict.isin(["forgot", "improved"])
    for row in pooled_as_plain(pooled[shown]):
        style = STYLES[row["verdict"]]
        table.add_row(
            row["variant"],
            *(row[name] for name in differing),
            row["benchmark"],
            f"{row['step']:,}",
            str(row["seeds"]),
            Text(signed(row["delta"]), style=style),
            ends((row["low"], row["high"])),
            points(row["seed_sd"]),
            probability(row["p_holm"]),
            Text(row["verdict"], style=style),
        )
    return Group(Snug(table), Text(_EXPLANATION, style="dim"))


def pooled_as_plain(pooled: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows for `--json`."""
    return [{str(k): v for k, v in row.items()} for row in pooled.to_dict("records")]
