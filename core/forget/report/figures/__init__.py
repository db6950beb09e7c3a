"""Figures for papers, by matplotlib: PDF, PNG and SVG in the widths of one column and of two."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from forget.errors import UnknownNameError
from forget.report.material import Material
from forget.store.atomic import ensure_writable, staged_file

if TYPE_CHECKING:
    from forget.report.figures.drawing import Drawing, Omitted

__all__ = ["FORMATS", "Figures", "write_figures"]

# No dates and no versions: the same results give the same bytes.
_METADATA: dict[str, dict[str, Any]] = {
    "pdf": {"CreationDate": None, "Creator": "forget", "Producer": None},
    "png": {"Software": "forget"},
    "svg": {"Date": None, "Creator": "forget"},
}

FORMATS = tuple(_METADATA)


class Figures(NamedTuple):
    """What was drawn.

    Attributes:
        files: The files.
        omitted: Figures that could not be drawn, and why.
    """

    files: tuple[Path, ...]
    omitted: dict[str, str]


def write_figures(material: Material, folder: Path, formats: Sequence[str] = ("pdf",)) -> Figures:
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
    for wanted in formats:
        if wanted not in FORMATS:
            raise UnknownNameError("format of figures", wanted, FORMATS)
    ensure_writable(folder, "folder of figures", "--figures")
    from matplotlib import style

    from forget.report.figures.drawing import Drawing
    from forget.report.figures.style import STYLE

    files, omitted = [], {}
    # What a user's matplotlibrc says must not change a figure.
    with style.context(["default", STYLE]):
        for drawn in _drawings(material):
            if isinstance(drawn, Drawing):
                files += [_write(drawn, folder, wanted) for wanted in formats]
            else:
                omitted[drawn.name] = drawn.reason
    return Figures(tuple(files), omitted)


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
    from forget.report.figures.drawing import Shown

    shown = Shown.of(material)
    modules = (forest, heatmap, matrix, methods, trajectories, frontier, razor, training)
    for module in modules:
        yield from module.draw(shown)


def _write(drawing: Drawing, folder: Path, wanted: str) -> Path:
    path = folder / f"{drawing.name}.{wanted}"
    with staged_file(path) as partial:
        drawing.figure.savefig(partial, format=wanted, metadata=_METADATA[wanted])
    return path
