"""Tables: of the results for people and papers (Markdown, LaTeX), and all of them for programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forget.report.material import Material
from forget.report.written import Written, check_request
from forget.store.atomic import staged_file, write_text

if TYPE_CHECKING:
    import pandas as pd

    from forget.report.tables.layout import Table

__all__ = ["FORMATS", "write_tables"]

FORMATS = ("md", "tex", "csv", "parquet")


def write_tables(material: Material, folder: Path, formats: Sequence[str] = FORMATS) -> Written:
    """Write the table of the last checkpoints, and the frame of all results as it is.

    Args:
        material: What to show.
        folder: Where to; made if it is not there. Files of the same names are replaced.
        formats: Some of `FORMATS`.

    Raises:
        UnknownNameError: There is no such format.
        OutputError: The folder cannot be made, or not be written.
        StorageError: The disk is full.
    """
    check_request("tables", folder, formats, FORMATS)
    from forget.report.tables.layout import tables

    found = list(tables(material))
    files: list[Path] = []
    omitted: dict[str, str] = {}
    for wanted in formats:
        if wanted in ("csv", "parquet"):
            files.append(_write_frame(material.results, folder / f"results.{wanted}"))
            if material.pooled is not None and len(material.pooled):
                files.append(_write_frame(material.pooled, folder / f"methods.{wanted}"))
        elif found:
            files += _write_texts(material, found, folder, wanted)
        else:
            omitted[f"results.{wanted}"] = "no last checkpoint has been evaluated"
    return Written(tuple(files), omitted)


def _write_frame(frame: pd.DataFrame, path: Path) -> Path:
    with staged_file(path) as partial:
        if path.suffix == ".csv":
            frame.to_csv(partial, index=False)
        else:
            frame.to_parquet(partial, index=False)
    return path


def _write_texts(
    material: Material, found: Sequence[Table], folder: Path, wanted: str
) -> list[Path]:
    from forget.report.tables.latex import as_latex
    from forget.report.tables.markdown import as_markdown

    texts = {"results.md": as_markdown(material, found)}
    if wanted == "tex":
        texts = {f"results-{table.slug}.tex": as_latex(material, table) for table in found}
    for name, text in texts.items():
        write_text(folder / name, text)
    return [folder / name for name in texts]
