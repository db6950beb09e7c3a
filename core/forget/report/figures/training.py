"""Training curves: a panel for each quantity that a method logged, a line for each run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.style import SINGLE, legend, look, panels, step_axis
from forget.report.selection import groups

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure

__all__ = ["draw"]

_COUNTERS = {"run", "step", "epoch", "round", "tokens", "path"}
"""Columns that say how far the training is and not how it goes."""

_LABELS = {
    "loss": "training loss",
    "lr": "learning rate",
    "grad_norm": "gradient norm",
    "kl": "KL divergence [nats]",
}


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield a figure for each group of runs."""
    curves = _numbers(shown.material.curves)
    for group in groups(shown.frame):
        name = f"training-{group.slug}"
        of_group = curves[curves["run"].isin(set(group.rows["run"]))]
        logged = [str(name) for name in of_group.columns if of_group[name].notna().any()]
        quantities = sorted(set(logged) - _COUNTERS, key=lambda name: (name != "loss", name))
        if quantities:
            yield Drawing(name, _figure(of_group, quantities, group.rows, shown.methods()))
        else:
            yield Omitted(name, "no training curve has been written")


def _numbers(curves: pd.DataFrame) -> pd.DataFrame:
    """Return the columns that are numbers; what is infinite is not drawn."""
    import numpy as np

    columns = curves.select_dtypes("number").columns
    return curves[["run", *columns]].replace([np.inf, -np.inf], np.nan)


def _figure(
    curves: pd.DataFrame, quantities: list[str], rows: pd.DataFrame, methods: dict[str, int]
) -> Figure:
    wide = {} if len(quantities) > 1 else {"width": SINGLE}
    columns = 4 if len(quantities) == 4 else 3
    figure, axes = panels(len(quantities), columns, 1.5, sharex="all", **wide)
    runs = rows.drop_duplicates("run")
    entries: dict[str, Artist] = {}
    for panel, quantity in zip(axes, quantities, strict=True):
        for run, method in zip(runs["run"], runs["method_label"], strict=True):
            line = curves[curves["run"] == run].dropna(subset=quantity).sort_values("step")
            if line.empty:
                continue
            drawn = look(methods[str(method)])
            [entries[str(method)]] = panel.plot(
                line["step"].astype(float),
                line[quantity].astype(float),
                color=drawn.colour,
                linestyle=drawn.line,
                marker=drawn.marker if len(line) == 1 else "",  # one point makes no line
                markersize=3,
            )
        step_axis(panel)
        panel.set_ylabel(_LABELS.get(quantity, quantity.replace("_", " ")))
    figure.supxlabel("optimiser step", fontsize=7)
    legend(figure, entries)
    return figure
