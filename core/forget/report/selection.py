"""What figures and tables take from the frame of results: groups of runs, and names that differ."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from functools import reduce
from itertools import chain, count
from typing import TYPE_CHECKING, NamedTuple

from forget.store.layout import checkpoint_step, slug

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "Exam", "Group", "change_in_points", "exams", "file_name", "groups", "judged", "method_label",
    "named", "steps_of", "whole",
]  # fmt: skip

_KINDS = ("benchmark", "average", "task")
_SETTING = ["study", "model", "dataset"]


class Group(NamedTuple):
    """Runs that may be compared: those of one study, model and dataset.

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
    """Return a frame with names for people, and without infinities, which cannot be drawn.

    Its columns besides: `method_label`, the method with what was swept, or the checkpoint in a
    comparison; `who`, the same with the seed if there are several; `group`, see `Group`; `few`,
    whether items of the benchmark, or benchmarks of the average, are missing.
    """
    import numpy as np

    frame = results.copy()
    numbers = frame.select_dtypes("float").columns
    frame[numbers] = frame[numbers].replace([np.inf, -np.inf], np.nan)
    of_study = frame["variant"] != ""
    frame["method_label"] = method_label(frame)
    frame["who"] = frame["method_label"]
    if frame["seed"].nunique() > 1:
        seeds = " seed " + frame["seed"].astype(str)
        frame["who"] += seeds.where(frame["seed"].notna(), "")
    frame["group"] = _settings(frame).where(of_study, frame["run"]).astype(str)
    alike = frame.groupby(["group", "who", "checkpoint"], sort=False)["path"].transform("nunique")
    # One run, found in two output folders.
    frame["who"] = frame["who"].where(alike < 2, frame["who"] + " " + frame["path"])
    frame["few"] = _few(frame)
    return frame


def judged(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of each run's last checkpoint."""
    return frame[frame["last"].astype(bool)]


def groups(frame: pd.DataFrame) -> Iterator[Group]:
    """Yield the groups in the frame's order; no two have the same slug."""
    used: set[str] = set()
    for name, rows in frame.groupby("group", sort=False):
        yield Group(str(name), file_name(str(name), used), rows)


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
        # Where benchmarks are missing, the title says how many; other runs may have them all.
        Exam(name, kind if kind == "average" else title, kind)
        for name, title, kind in zip(*columns, strict=True)
    ]
    return sorted(found, key=lambda exam: _KINDS.index(exam.kind))


def whole(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of which there is a delta, without averages of some of the benchmarks.

    Such an average cannot be compared with another, of more or of others.
    """
    return rows[rows["delta"].notna() & ~(rows["few"] & (rows["kind"] == "average"))]


def steps_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the training's own checkpoints, without models made of them."""
    own = rows["checkpoint"].map(lambda name: checkpoint_step(str(name)) is not None)
    return rows[own.astype(bool) & rows["step"].notna()]


def change_in_points(share: float) -> str:
    """Write a change in points of 100, with its sign; a dash for one that is not known."""
    return f"{100 * share:+.1f}".replace("-", "−") if math.isfinite(share) else "–"


def method_label(frame: pd.DataFrame) -> pd.Series[str]:
    """Name each row's method with what was swept; in a comparison, its checkpoint."""
    return frame["variant"].where(frame["variant"] != "", frame["checkpoint"]).astype(str)


def _settings(frame: pd.DataFrame) -> pd.Series[str]:
    """Join those of study, model and dataset that differ; the dataset if none does."""
    of_study = frame[frame["variant"] != ""]
    kept = [part for part in _SETTING if of_study[part].nunique() > 1] or ["dataset"]
    first, *others = (frame[part].astype(str) for part in kept)
    return reduce(lambda joined, part: joined + " / " + part, others, first)


def _few(frame: pd.DataFrame) -> pd.Series[bool]:
    items = (frame["items"] < frame["required_items"]).fillna(value=False).astype(bool)
    absent = (frame["kind"] == "benchmark") & frame["delta"].isna()
    some = absent.groupby([frame["path"], frame["checkpoint"]]).transform("any")
    return frame["delta"].notna() & (items | (some & (frame["kind"] == "average")))
