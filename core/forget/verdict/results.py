"""Everything that an output folder has found, as a frame: `forget.load_results`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import attrs

from forget.plugins import Plugins, load_plugins
from forget.verdict.findings import Findings, collect
from forget.verdict.frame import Origin, origin_of, results_frame
from forget.verdict.records import FoundRecord, find_records
from forget.verdict.terms import Terms

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["known_benchmarks", "load_findings", "load_results"]


def load_results(
    out: str | Path = ".",
    runs: Sequence[str | Path] = (),
    *,
    margin: float = 0.01,
    level: float = 0.95,
    over: Literal["benchmarks", "checkpoints"] = "benchmarks",
) -> pd.DataFrame:
    """Return what runs and comparisons have found: a row for each run, checkpoint and exam.

    Every number that `forget report` shows is in it, and nothing is rounded. The columns are in
    docs/reference/results.md; what is not known is missing (NaN, or pandas' NA).

    Args:
        out: The output folder.
        runs: Run directories; empty for all runs and comparisons below `out`.
        margin: The largest drop that does not matter, a share: 0.01 is one point of 100.
        level: Confidence of intervals and bands.
        over: What Holm's correction counts: a checkpoint's benchmarks, or those of all checkpoints.

    Raises:
        DataError: There is nothing there, a base was not evaluated, or files are damaged.
        RequestError: Margin or level are not between 0 and 1.
    """
    terms = known_benchmarks(Terms(margin=margin, level=level, over=over))
    found = find_records([Path(run) for run in runs], Path(out))
    return results_frame(load_findings(found, terms))


def load_findings(found: Sequence[FoundRecord], terms: Terms) -> list[tuple[Origin, Findings]]:
    """Compare the checkpoints of some sweeps with their bases.

    Raises:
        DataError: A base was not evaluated, or files are damaged.
    """
    return [
        (
            origin_of(name, one.path, one.record.base_model),
            collect(one.record, one.root, terms),
        )
        for name, one in zip(_names(found), found, strict=True)
    ]


def _names(found: Sequence[FoundRecord]) -> list[str]:
    """Name sweeps by their titles; those of one title, also by where they were found.

    All that a report shows is sorted by these names, so no two may be alike.
    """
    titles = Counter(one.record.title for one in found)
    roots = Counter((one.record.title, one.root) for one in found)
    names = []
    for one in found:
        title = one.record.title
        place = one.root if roots[title, one.root] == 1 else one.path
        names.append(title if titles[title] == 1 else f"{title} / {place}")
    return names


def known_benchmarks(terms: Terms, plugins: Plugins | None = None) -> Terms:
    """Add what plugins know of benchmarks: titles, chance levels.

    Args:
        terms: What verdicts are held to.
        plugins: The plugins of this environment; None loads them.
    """
    provided = (plugins or load_plugins()).all("benchmarks")
    benchmarks = {name: one.record for name, one in provided.items()}
    return attrs.evolve(terms, benchmarks=benchmarks)
