"""The main table: benchmarks down, methods across, the last checkpoint's change in each place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import attrs

from forget.report.material import Material
from forget.report.selection import Exam, exams, groups, judged, named, whole

__all__ = ["Change", "Table", "base_score", "tables"]


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
        base: The lowest and the highest score of a base on each of the rows, by name, where they
            are known: they differ where runs were asked different items, or by other engines.
        changes: By the names of row and column; what was not evaluated is not in it.
    """

    name: str
    slug: str
    rows: tuple[Exam, ...]
    columns: tuple[str, ...]
    base: Mapping[str, tuple[float, float]]
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


def base_score(table: Table, exam: str, dash: str) -> str:
    """Write the base's score in points of 100; of bases that differ, the lowest and the highest.

    Args:
        table: The table.
        exam: Name of its row.
        dash: What stands between two scores, and for one that is not known.
    """
    if exam not in table.base:
        return dash
    ends = (f"{100 * share:.1f}" for share in table.base[exam])
    return dash.join(dict.fromkeys(ends))


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
        comparable = whole(known)
        if not (comparable["kind"] == "average").any():
            comparable = known
        bases = comparable.dropna(subset="base_score").groupby("benchmark")["base_score"]
        yield Table(
            name=group.name,
            slug=group.slug,
            rows=tuple(exams(group.rows)),
            columns=tuple(map(str, group.rows["who"].unique())),
            base={str(name): (float(of.min()), float(of.max())) for name, of in bases},
            changes=changes,
        )
