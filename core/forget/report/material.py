"""All that a report shows, gathered before any of it is drawn or written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

if TYPE_CHECKING:
    import pandas as pd

    from forget.verdict.razor import Razor

__all__ = ["Material"]


@attrs.frozen(kw_only=True)
class Material:
    """What page, figures and tables are made of; none of them computes a statistic of its own.

    Attributes:
        title: What the report is about.
        results: The frame of results: a row for each run, checkpoint and exam.
        curves: Training curves: `run`, `step`, and what the method logged.
        flips: Items whose answer was right before or after and not both, as a sample; `flips_total`
            says how many there are of that run, checkpoint, benchmark and direction.
        razor: Forgetting as a function of the KL divergence; None where there are too few points.
        provenance: What `run.toml` says, by the title of the run.
        command: The command line that makes this report again.
        pooled: Methods over several training seeds, see `verdict.pooled.POOLED`; None where
            nobody asked, without rows where no method has several.
        learned: What each run learned and what it paid, see `verdict.learned.LEARNED`; None where
            nobody asked.
        level: Level of the intervals.
        margin: The largest drop that does not matter.
        over: What Holm's correction counts: `benchmarks` of a checkpoint, or those of all
            `checkpoints` of a run.
    """

    title: str
    results: pd.DataFrame
    curves: pd.DataFrame
    flips: pd.DataFrame
    razor: Razor | None
    provenance: Mapping[str, Mapping[str, Any]]
    command: str
    pooled: pd.DataFrame | None = None
    learned: pd.DataFrame | None = None
    level: float = 0.95
    margin: float = 0.01
    over: str = "benchmarks"
