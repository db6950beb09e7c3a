"""Curves over training steps: the average with its simultaneous band, a panel for each method."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from forget.report.figures.drawing import Drawing, Omitted, Shown, number
from forget.report.figures.intervals import draw_mark, in_order
from forget.report.figures.style import (
    BLACK,
    FAINT,
    GREY,
    POINTS,
    SINGLE,
    fitted,
    legend,
    panels,
    step_axis,
    zero,
)
from forget.report.selection import steps_of, whole

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

__all__ = ["draw"]

_PANELS = 24
"""Panels on one page."""


def draw(shown: Shown) -> Iterator[Drawing | Omitted]:
    """Yield a figure, or several where one page does not hold it; seeds share a panel."""
    rows = whole(steps_of(shown.frame))
    several = rows.groupby("path", sort=False)["step"].transform("nunique") > 1
    cells = [found for _, found in rows[several].groupby(["group", "variant"], sort=False)]
    if not cells:
        yield Omitted("trajectories", "no run has two evaluated checkpoints")
    pages = [cells[start : start + _PANELS] for start in range(0, len(cells), _PANELS)]
    for index, page in enumerate(pages):
        yield _page(number("trajectories", index, len(pages)), page, shown)


def _page(name: str, cells: list[pd.DataFrame], shown: Shown) -> Drawing:
    width = {"width": SINGLE} if len(cells) == 1 else {}
    columns = 3 if len(cells) <= 9 else 6
    figure, axes = panels(
        len(cells), columns, 1.5 if columns == 3 else 1.25, sharex="all", sharey="all", **width
    )
    entries: dict[str, Artist] = {}
    band = f"simultaneous {100 * shown.material.level:g} % band"
    groups = shown.frame["group"].nunique()
    for panel, rows in zip(axes, cells, strict=True):
        _panel(panel, rows, band, entries)
        heading = str(rows["variant"].iloc[0]) or str(rows["run"].iloc[0])
        if groups > 1:
            heading = f"{rows['group'].iloc[0]}\n{fitted(heading, 20)}"
        if len(cells) > 1:
            panel.set_title(heading, loc="left", fontsize=6.5)
    figure.supxlabel("optimiser step", fontsize=7)
    figure.supylabel("change against base [points]", fontsize=7)
    legend(figure, in_order(entries))
    return Drawing(name, figure)


def _panel(axes: Axes, rows: pd.DataFrame, band: str, entries: dict[str, Artist]) -> None:
    zero(axes, vertical=False)
    step_axis(axes)
    for _, run in rows.groupby("path", sort=False):
        for _, exam in run[run["kind"] == "benchmark"].groupby("benchmark", sort=False):
            [entries["each benchmark"]] = axes.plot(*_line(exam), color=FAINT, linewidth=0.6)
        average = run[run["kind"] == "average"]
        if average.empty:
            axes.text(
                0.03, 0.97, "no average: not all evaluated", transform=axes.transAxes,
                va="top", fontsize=5.5, color=GREY,
            )  # fmt: skip
            continue
        steps, deltas = _line(average)
        entries[band] = axes.fill_between(
            steps[1:],
            POINTS * average["band_low"].to_numpy(float),
            POINTS * average["band_high"].to_numpy(float),
            color=BLACK,
            alpha=0.15,
            linewidth=0,
        )
        [entries["average"]] = axes.plot(steps, deltas, color=BLACK)
        last = average.iloc[-1]
        draw_mark(axes, last, (float(last["step"]), POINTS * last["delta"]), entries)


def _line(rows: pd.DataFrame) -> tuple[list[float], list[float]]:
    """Return steps and deltas; the base, at step 0, does not differ from itself."""
    ordered = rows.sort_values("step")
    return (
        [0.0, *ordered["step"].astype(float)],
        [0.0, *(POINTS * ordered["delta"]).astype(float)],
    )
