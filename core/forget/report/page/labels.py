"""Short names of runs: what tells one from the others of the same page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["run_labels"]

_PARTS = ("variant", "dataset", "model", "seed", "study")


def run_labels(results: pd.DataFrame) -> dict[str, str]:
    """Return a short name for each run, in the frame's order.

    It has the method and those of data set, model, seed and study that are not the same for all. A
    comparison of checkpoints has no such parts and keeps its title, as do runs that would have the
    same short name.
    """
    runs = results.drop_duplicates("run")
    differ = [part for part in _PARTS[1:] if runs[part].nunique(dropna=False) > 1]
    names = {row.run: " · ".join(_parts(row, differ)) or row.run for row in runs.itertuples()}
    counts = list(names.values())
    return {run: name if counts.count(name) == 1 else run for run, name in names.items()}


def _parts(row: object, differ: list[str]) -> Iterator[str]:
    import pandas as pd

    for part in (_PARTS[0], *differ):
        value = getattr(row, part)
        if pd.isna(value) or value == "":
            continue
        yield f"seed {value}" if part == "seed" else str(value)
