"""Forest plot: each benchmark's paired difference with its interval, a panel for each run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.drawing import Drawing, Omitted, Shown, number
from forget.report.figures.intervals import draw_interval, in_order
from forget.report.figures.style import (
    BLACK,
    GREY,
    POINTS,
    SINGLE,
    fitted,
    legend,
    panels,
    zero,
)
from forget.report.selection import partial

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["draw"]

_PANELS = 9
"""Panels on one page."""


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield a figure for each group of runs, several where one page does not hold it."""
    for group in shown.groups:
        name = f"forest-{group.slug}"
        runs = [rows for _, rows in group.rows.groupby(["path", "who"], sort=False)]
        runs = [rows for rows in runs if _forgetting(rows)["delta"].notna().any()]
        if not runs:
            yield Omitted(name, "no benchmark of a last checkpoint has been evaluated")
        pages = [runs[start : start + _PANELS] for start in range(0, len(runs), _PANELS)]
        for index, page in enumerate(pages):
            yield _page(number(name, index, len(pages)), page, shown)


def _page(name: str, runs: list[pd.DataFrame], shown: Shown) -> Drawing:
    alone = len(runs) == 1
    height = 0.35 + 0.135 * max(len(_forgetting(rows)) for rows in runs)
    figure, axes = (
        panels(1, 1, height, SINGLE)
        if alone
        else panels(len(runs), 3, height + 0.15, sharex=True, sharey=False)
    )
    entries: dict[str, Artist] = {}
    for index, (panel, rows) in enumerate(zip(axes, runs, strict=True)):
        _panel(panel, _forgetting(rows), entries, labelled=index % 3 == 0)
        if alone:
            _written(panel, _forgetting(rows))
        else:
            panel.set_title(_heading(rows), loc="left")
    label = f"change against base, {100 * shown.material.level:g} % interval [points]"
    if alone:
        axes[0].set_xlabel(label)
    else:
        figure.supxlabel(label, fontsize=7)
    legend(figure, in_order(entries), columns=2 if alone else 4)
    return Drawing(name, figure)


def _forgetting(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the benchmarks and, below them, their average; the task would dwarf them."""
    return rows[rows["kind"] != "task"].sort_values(
        "kind", key=lambda kind: kind == "average", kind="stable"
    )


def _panel(axes: Axes, rows: pd.DataFrame, entries: dict[str, Artist], *, labelled: bool) -> None:
    zero(axes, vertical=True)
    for place, (_, row) in enumerate(rows.iterrows()):
        if row["verdict"] == "missing" or row["delta"] != row["delta"]:
            axes.text(0, place, " not evaluated", va="center", fontsize=5.5, color=GREY)
            continue
        draw_interval(axes, row, place, entries)
    _rows(axes, rows, labelled=labelled)


def _rows(axes: Axes, rows: pd.DataFrame, *, labelled: bool) -> None:
    few = partial(rows)
    names = [
        fitted(str(title), 24) + ("*" if less else "")
        for title, less in zip(rows["title"], few, strict=True)
    ]
    axes.set_yticks(range(len(rows)), names if labelled else [])
    axes.tick_params(axis="y", length=0)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.spines["left"].set_visible(False)
    averages = [place for place, kind in enumerate(rows["kind"]) if kind == "average"]
    for place in averages:
        axes.axhline(place - 0.5, color=BLACK, linewidth=0.4)
        if labelled:
            axes.get_yticklabels()[place].set_fontweight("bold")


def _written(axes: Axes, rows: pd.DataFrame) -> None:
    """Write the numbers to the right of the only panel."""
    for place, (_, row) in enumerate(rows.iterrows()):
        numbers = [POINTS * row[name] for name in ("delta", "low", "high")]
        if numbers[0] != numbers[0]:
            continue
        text = "{:+.1f} [{:+.1f}, {:+.1f}]".format(*numbers).replace("-", "−").replace("nan", "–")
        axes.text(
            1.02, place, text, transform=axes.get_yaxis_transform(), va="center", fontsize=5.5
        )


def _heading(rows: pd.DataFrame) -> str:
    return fitted(str(rows["who"].iloc[0]), 30, lines=2)
