"""Short names of runs: what tells one from the others of the same page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["model_prefixes", "records", "run_labels"]

_PARTS = ("variant", "dataset", "model", "seed", "study")


def run_labels(results: pd.DataFrame) -> dict[str, str]:
    """Return a short name for each run, in the frame's order.

    It has the method and those of data set, model, seed and study that are not the same for all. A
    comparison of checkpoints has no such parts and keeps its title, as do runs that would have the
    same short name.
    """
    runs = results.drop_duplicates("run")
    differ = [part for part in _PARTS[1:] if runs[part].nunique(dropna=False) > 1]
    lines = records(runs)
    names = {line["run"]: " · ".join(_parts(line, differ)) or line["run"] for line in lines}
    counts = Counter(names.values())
    return {run: name if counts[name] == 1 else run for run, name in names.items()}


def records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows of a frame."""
    return [{str(name): value for name, value in row.items()} for row in frame.to_dict("records")]


def model_prefixes(results: pd.DataFrame) -> dict[str, str]:
    """Return what stands before a checkpoint's name, for runs with several checkpoints to judge.

    Those are comparisons of several models, each of which is called by its own name; the name of
    the comparison stands before it if there is more on the page.
    """
    judged = results[results["last"].astype(bool)]
    counts = judged.groupby("run")["checkpoint"].nunique()
    labels = run_labels(results)
    several = [str(run) for run in counts[counts > 1].index]
    return {run: f"{labels[run]} · " if len(labels) > 1 else "" for run in several}


def _parts(line: dict[str, Any], differ: list[str]) -> Iterator[str]:
    import pandas as pd

    for part in (_PARTS[0], *differ):
        value = line[part]
        if pd.isna(value) or value == "":
            continue
        yield f"seed {value}" if part == "seed" else str(value)
