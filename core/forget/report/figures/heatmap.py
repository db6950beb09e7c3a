"""Heatmap of a run: benchmarks down, checkpoints across."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.cells import by_place, cell, draw_cells, key
from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.figures.style import DOUBLE, SINGLE, fitted, legend
from forget.report.selection import exams
from forget.store.layout import checkpoint_step

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw"]

_COLUMNS = 16
"""Checkpoints beside each other; more of them go below."""

_NARROW = 4
"""Checkpoints that fit into one column of a paper."""


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
    from matplotlib.figure import Figure

    down, across = exams(rows), [str(name) for name in rows["checkpoint"].unique()]
    blocks = [across[start : start + _COLUMNS] for start in range(0, len(across), _COLUMNS)]
    places = by_place(rows, "benchmark", "checkpoint")
    narrow = len(across) <= _NARROW
    aside = sum(exam.kind != "benchmark" for exam in down)
    titles = [fitted(exam.title, 24) for exam in down]

    height = len(blocks) * (0.5 + 0.165 * len(down)) + (0.85 if narrow else 0.4)
    figure = Figure(figsize=(SINGLE if narrow else DOUBLE, height), layout="constrained")
    grid = figure.subplots(len(blocks), 1, squeeze=False)
    for axes, block in zip(grid.flat, blocks, strict=True):
        table = [[cell(places.get((exam.name, name))) for name in block] for exam in down]
        draw_cells(axes, table, ruled_rows=aside)
        axes.set_xlim(0, len(blocks[0]))  # cells of one size, also in a last block of few
        axes.set_yticks([place + 0.5 for place in range(len(down))], titles)
        _checkpoints(axes, block)
    legend(figure, *key(few=bool(rows["few"].any()), narrow=narrow))
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
