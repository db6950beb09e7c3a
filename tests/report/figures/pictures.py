"""What can be read off a figure."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from forget.report.figures.drawing import Drawing, Omitted, Shown
from forget.report.material import Material

__all__ = ["drawn", "legend_words", "line_of", "texts"]


def drawn(
    draw: Callable[[Shown], Iterator[Drawing | Omitted]], material: Material
) -> dict[str, Figure | str]:
    """Return each figure, or why it was left out, by its name."""
    found = {}
    for item in draw(Shown.of(material)):
        assert item.name not in found
        found[item.name] = item.figure if isinstance(item, Drawing) else item.reason
    return found


def texts(figure: Figure | str) -> set[str]:
    """Return everything that is written in a figure."""
    assert isinstance(figure, Figure)
    figure.draw_without_rendering()  # ticks are made when they are drawn
    found = (artist for artist in figure.findobj(Text) if artist.get_visible())
    return {artist.get_text() for artist in found} - {""}


def legend_words(figure: Figure | str) -> list[str]:
    """Return the words of a figure's legend."""
    assert isinstance(figure, Figure)
    [legend] = figure.legends
    return [text.get_text() for text in legend.get_texts()]


def line_of(axes: Axes, marker: str) -> list[tuple[float, float]]:
    """Return where an axes has a marker."""
    return [
        (float(x), float(y))
        for line in axes.lines
        if line.get_marker() == marker
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    ]
