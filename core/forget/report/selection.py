"""What figures and tables take from the frame of results: groups of runs, and names that differ."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import chain, count
from typing import TYPE_CHECKING, NamedTuple

from forget.store.layout import checkpoint_step, slug

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Exam", "Group", "exams", "file_name", "groups", "judged", "method_of", "named", "partial",
    "points", "steps_of",
]  # fmt: skip

_KINDS = ("benchmark", "average", "task")
_SETTING = ["study", "model", "dataset"]


class Group(NamedTuple):
    """Runs that may be compared: one study, model and dataset.

    Attributes:
        name: What tells it from the other groups; its dataset if it is the only one.
        slug: The same as part of a file's name.
        rows: Its rows, see `named`.
    """

    name: str
    slug: str
    rows: pd.DataFrame


class Exam(NamedTuple):
    """A benchmark, the average of all, or the trained task.

    Attributes:
        name: Its name.
        title: Its name for people.
        kind: `benchmark`, `average` or `task`.
    """

    name: str
    title: str
    kind: str


def named(results: pd.DataFrame) -> pd.DataFrame:
    """Return a frame with `group` and `who`, the names of a run's group and of itself in it.

    Infinities become unknown values: an interval without an end cannot be drawn.
    """
    import numpy as np

    frame = results.replace([np.inf, -np.inf], np.nan)
    frame["group"] = _distinct(frame, _SETTING, otherwise="dataset")
    frame["who"] = _who(frame)
    return frame


def judged(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each run's last checkpoint; if it has several, `who` tells them apart."""
    rows = frame[frame["last"].astype(bool)].copy()
    several = rows.groupby(["path", "run"], sort=False)["checkpoint"].transform("nunique") > 1
    rows.loc[several, "who"] += " " + rows.loc[several, "checkpoint"]
    return rows


def groups(frame: pd.DataFrame) -> Iterator[Group]:
    """Yield the groups in the frame's order; comparisons outside of studies are one by themselves.

    Two groups never have the same slug.
    """
    used: set[str] = set()
    for _, rows in frame.groupby(_SETTING, sort=False, dropna=False):
        name = str(rows["group"].iloc[0])
        yield Group(name, file_name(name or "comparison", used), rows)


def file_name(name: str, used: set[str]) -> str:
    """Make a part of a file's name of any name, other than those in `used`, and add it to them."""
    plain = slug(re.sub(r"[\s/]+", "-", name))
    numbered = chain([plain], (f"{plain}-{number}" for number in count(2)))
    found = next(candidate for candidate in numbered if candidate not in used)
    used.add(found)
    return found


def exams(rows: pd.DataFrame) -> list[Exam]:
    """Return the benchmarks in the frame's order, then the average, then the task."""
    known = rows.drop_duplicates("benchmark")
    columns = (known[name].astype(str) for name in ("benchmark", "title", "kind"))
    found = [
        Exam(name, f"task: {title.removeprefix('task:')}" if kind == "task" else title, kind)
        for name, title, kind in zip(*columns, strict=True)
    ]
    return sorted(found, key=lambda exam: _KINDS.index(exam.kind))


def steps_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the training's own checkpoints, without models made of them."""
    own = rows["checkpoint"].map(lambda name: checkpoint_step(str(name)) is not None)
    return rows[own.astype(bool) & rows["step"].notna()]


def points(share: float) -> str:
    """Write a change in points of 100, with its sign; a dash for one that is not known."""
    return f"{100 * share:+.1f}".replace("-", "−") if math.isfinite(share) else "–"


def partial(rows: pd.DataFrame) -> pd.Series[bool]:
    """Say of each row whether fewer items were scored than the benchmark has."""
    return (rows["items"] < rows["required_items"]).fillna(False).astype(bool)


def method_of(rows: pd.DataFrame) -> pd.Series[str]:
    """Name a method by its folder, which has the settings that were swept; else by the run."""
    return rows["variant"].fillna("").astype(str).where(lambda name: name != "", rows["run"])


def _who(frame: pd.DataFrame) -> pd.Series[str]:
    """Name a run by its method's folder and, where they differ, its seed."""
    method, seeds = method_of(frame), frame["seed"]
    if seeds.nunique() > 1:
        method = method.where(seeds.isna(), method + " seed " + seeds.astype(str).fillna(""))
    return method


def _distinct(frame: pd.DataFrame, parts: Sequence[str], otherwise: str) -> pd.Series[str]:
    """Join those columns that differ; all have one value: one column alone."""
    columns = frame[list(parts)].fillna("").astype(str)
    kept = [part for part in parts if columns[part].nunique() > 1] or [otherwise]
    return columns[kept].agg(" / ".join, axis=1).str.strip(" /")
