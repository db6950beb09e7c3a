"""The main table: benchmarks down, methods across, the last checkpoint's change in each place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import attrs

from forget.report.material import Material
from forget.report.selection import Exam, exams, groups, judged, named

__all__ = ["Change", "Table", "tables"]


class Change(NamedTuple):
    """What stands in one place of a table; shares, not points.

    Attributes:
        delta: The paired difference.
        stderr: Its standard error; NaN if it is not known.
        verdict: What was judged of it.
        few: Whether fewer items were scored than the benchmark has.
    """

    delta: float
    stderr: float
    verdict: str
    few: bool


@attrs.frozen(kw_only=True)
class Table:
    """A table of one group of runs.

    Attributes:
        name: See `Group`.
        slug: See `Group`.
        rows: Benchmarks, average and task.
        columns: Names of the runs.
        base: The base model's score on each of the rows, by name, where it is known.
        changes: By the names of row and column; what was not evaluated is not in it.
    """

    name: str
    slug: str
    rows: tuple[Exam, ...]
    columns: tuple[str, ...]
    base: Mapping[str, float]
    changes: Mapping[tuple[str, str], Change]

    @property
    def verdicts(self) -> set[str]:
        """The verdicts that occur in it."""
        return {change.verdict for change in self.changes.values()}

    @property
    def incomplete(self) -> bool:
        """Whether a place is empty."""
        return len(self.changes) < len(self.rows) * len(self.columns)

    @property
    def partial(self) -> bool:
        """Whether a benchmark was not scored on all its items."""
        return any(change.few for change in self.changes.values())


def tables(material: Material) -> Iterator[Table]:
    """Yield a table for each group of runs of which anything has been evaluated."""
    for group in groups(judged(named(material.results))):
        known = group.rows.dropna(subset="delta")
        if known.empty:
            continue
        changes = {
            (str(row["benchmark"]), str(row["who"])): Change(
                float(row["delta"]), float(row["stderr"]), str(row["verdict"]), bool(row["few"])
            )
            for _, row in known.iterrows()
        }
        scored = known.dropna(subset="base_score").drop_duplicates("benchmark")
        yield Table(
            name=group.name,
            slug=group.slug,
            rows=tuple(exams(group.rows)),
            columns=tuple(map(str, group.rows["who"].unique())),
            base=dict(zip(scored["benchmark"], scored["base_score"].astype(float), strict=True)),
            changes=changes,
        )
