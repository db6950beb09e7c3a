"""Heatmap of a run: benchmarks down, checkpoints across."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.cells import by_place, cell, draw_cells, key
from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.style import DOUBLE, SINGLE, fitted, legend
from forget.report.selection import exams, partial
from forget.store.layout import checkpoint_step

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_COLUMNS = 16
"""Checkpoints beside each other; more of them go below."""


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield a figure for each run."""
    names = shown.names_of_runs()
    for path, rows in shown.frame.groupby("path", sort=False):
        name = f"heatmap-{names[str(path)]}"
        if rows["delta"].notna().any():
            yield Drawing(name, _figure(rows))
        else:
            yield Omitted(name, "nothing of the run has been evaluated")


def _figure(rows: pd.DataFrame) -> Figure:
    down = exams(rows)
    across = [str(name) for name in rows["checkpoint"].unique()]
    blocks = [across[start : start + _COLUMNS] for start in range(0, len(across), _COLUMNS)]
    places = by_place(rows, "benchmark", "checkpoint")
    aside = sum(exam.kind != "benchmark" for exam in down)

    from matplotlib.figure import Figure

    height = (0.45 + 0.165 * len(down)) * len(blocks) + 0.45
    figure = Figure(figsize=(SINGLE if len(across) <= 4 else DOUBLE, height), layout="constrained")
    every = figure.subplots(len(blocks), 1, squeeze=False).flat
    for axes, block in zip(every, blocks, strict=True):
        table = [[cell(places.get((exam.name, name))) for name in block] for exam in down]
        draw_cells(axes, table, ruled_rows=aside)
        axes.set_yticks(
            [place + 0.5 for place in range(len(down))], [fitted(exam.title, 24) for exam in down]
        )
        _checkpoints(axes, block)
    legend(figure, *key(few=partial(rows).any(), narrow=len(across) <= 4))
    return figure


def _checkpoints(axes: Axes, names: list[str]) -> None:
    """Name the columns by their steps; models that were not trained, by their names."""
    steps = [checkpoint_step(name) for name in names]
    labels = [
        fitted(name, 18) if step is None else f"{step:,}"
        for name, step in zip(names, steps, strict=True)
    ]
    slanted = None in steps
    axes.set_xticks(
        [place + 0.5 for place in range(len(names))],
        labels,
        rotation=30 if slanted else 0,
        ha="right" if slanted else "center",
    )
    axes.set_xlabel("checkpoint" if slanted else "optimiser step")
