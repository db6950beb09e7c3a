"""Figures for papers, by matplotlib: PDF, PNG and SVG in the widths of one column and of two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from forget.report.material import Material
from forget.report.written import Written, check_request
from forget.store.atomic import staged_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from forget.report.figures.drawing import Drawing, Omitted

__all__ = ["FORMATS", "write_figures"]

# No dates and no versions: the same results give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": "forget", "Producer": None},
    "png": {"Software": "forget"},
    "svg": {"Date": None, "Creator": "forget"},
}

FORMATS = tuple(_METADATA)


def write_figures(material: Material, folder: Path, formats: Sequence[str] = ("pdf",)) -> Written:
    """Draw every figure that there are data for.

    Args:
        material: What to show.
        folder: Where to; made if it is not there. Files of the same names are replaced.
        formats: Some of `FORMATS`.

    Raises:
        UnknownNameError: There is no such format.
        OutputError: The folder cannot be made, or not be written.
        StorageError: The disk is full.
    """
    check_request("figures", folder, formats, FORMATS)
    from matplotlib import style

    from forget.report.figures.drawing import Drawing
    from forget.report.figures.style import STYLE

    files: list[Path] = []
    omitted: dict[str, str] = {}
    # What a user's matplotlibrc says must not change a figure.
    with style.context(["default", STYLE]):
        for drawn in _drawings(material):
            if isinstance(drawn, Drawing):
                _settle(drawn.figure)
                files += [_write(drawn, folder, wanted) for wanted in formats]
            else:
                omitted[drawn.name] = drawn.reason
    return Written(tuple(files), omitted)


def _drawings(material: Material) -> Iterator[Drawing | Omitted]:
    """Draw one figure after the other; none is kept when the next is asked for."""
    from forget.report.figures import (
        forest,
        frontier,
        heatmap,
        matrix,
        methods,
        razor,
        training,
        trajectories,
    )
    from forget.report.figures.drawing import Omitted, Shown

    shown = Shown.of(material)
    for module in (forest, heatmap, matrix, methods, trajectories, frontier, razor, training):
        if shown.frame.empty:
            yield Omitted(
                module.__name__.rpartition(".")[2],
                "there is no checkpoint, or no benchmark was asked for",
            )
        else:
            yield from module.draw(shown)


def _settle(figure: Figure) -> None:
    """Lay a figure out once, not anew for each format, so that it looks alike in all of them."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine("none")


def _write(drawing: Drawing, folder: Path, wanted: str) -> Path:
    path = folder / f"{drawing.name}.{wanted}"
    with staged_file(path) as partial:
        drawing.figure.savefig(partial, format=wanted, metadata=_METADATA[wanted])
    return path
