"""Methods side by side on one data set: runs down, benchmarks across, at the last checkpoint."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.cells import by_place, cell, draw_cells, key
from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.style import DOUBLE, fitted, legend
from forget.report.selection import exams

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["draw"]


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield a figure for each group of runs."""
    for group in shown.groups:
        name = f"matrix-{group.slug}"
        runs = group.rows.dropna(subset="delta")["who"].nunique()
        if runs < 2:
            yield Omitted(name, f"there are not two evaluated runs to compare, but {runs}")
        else:
            yield Drawing(name, _figure(group.rows))


def _figure(rows: pd.DataFrame) -> Figure:
    from matplotlib.figure import Figure

    down, across = [str(who) for who in rows["who"].unique()], exams(rows)
    places = by_place(rows, "who", "benchmark")
    figure = Figure(figsize=(DOUBLE, 1.15 + 0.19 * len(down)), layout="constrained")
    axes = figure.subplots()
    table = [[cell(places.get((who, exam.name))) for exam in across] for who in down]
    draw_cells(axes, table, ruled_columns=sum(exam.kind != "benchmark" for exam in across))
    axes.set_yticks([place + 0.5 for place in range(len(down))], [fitted(who, 26) for who in down])
    axes.set_xticks(
        [place + 0.5 for place in range(len(across))],
        [fitted(exam.title, 20) for exam in across],
        rotation=35,
        ha="left",
        rotation_mode="anchor",
    )
    axes.xaxis.tick_top()
    axes.tick_params(length=0)
    legend(figure, *key(few=bool(rows["few"].any()), narrow=False))
    return figure
