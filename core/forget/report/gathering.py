"""Gathers the material of a report from the output folder."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from forget.report.material import Material
from forget.store import journal, runfile
from forget.store.layout import RunFolder
from forget.verdict.findings import Findings
from forget.verdict.flipped import Wanted, flips_frame
from forget.verdict.frame import Origin, results_frame
from forget.verdict.learned import learned_frame
from forget.verdict.pooled import pooled_frame
from forget.verdict.razor import fit_razor
from forget.verdict.records import FoundRecord
from forget.verdict.terms import Terms

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Frames", "frames_of", "gather"]

_ITEMS = 900
"""Flipped items on a page: a megabyte of text, and more than anybody reads."""
_FEWEST, _MOST = 2, 12


class Frames(NamedTuple):
    """What was found, as frames.

    Attributes:
        results: A row for each run, checkpoint and exam.
        pooled: Methods over their training seeds.
        learned: What each run learned, and what it paid.
    """

    results: pd.DataFrame
    pooled: pd.DataFrame
    learned: pd.DataFrame


def frames_of(
    found: Sequence[FoundRecord], judged: Sequence[tuple[Origin, Findings]], terms: Terms
) -> Frames:
    """Return what was found as frames.

    Args:
        found: The sweeps.
        judged: What was found in each, in the same order.
        terms: What verdicts are held to.

    Raises:
        DataError: A file is damaged.
    """
    results = results_frame(judged)
    pooled = pooled_frame(found, [origin for origin, _ in judged], terms)
    return Frames(results, pooled, learned_frame(results, terms.level))


def gather(
    found: Sequence[FoundRecord],
    judged: Sequence[tuple[Origin, Findings]],
    frames: Frames,
    command: Sequence[str],
) -> Material:
    """Gather what page, figures and tables are made of.

    Args:
        found: The sweeps.
        judged: What was found in each, in the same order.
        frames: The same as frames.
        command: The command line that makes the report again.

    Raises:
        DataError: A file is damaged.
    """
    results = frames.results
    terms = judged[0][1].terms
    origins = [origin for origin, _ in judged]
    return Material(
        title=_title(origins),
        results=results,
        curves=_curves(found, origins),
        flips=_flips(found, origins, results),
        razor=fit_razor(results),
        provenance={
            origin.run: _provenance(one) for origin, one in zip(origins, found, strict=True)
        },
        command=shlex.join(command),
        pooled=frames.pooled,
        learned=frames.learned,
        level=terms.level,
        margin=terms.margin,
        over=terms.over,
    )


def _title(origins: Sequence[Origin]) -> str:
    if len(origins) == 1:
        return origins[0].run
    studies = sorted({origin.study or "comparisons" for origin in origins})
    return f"{', '.join(studies)}: {len(origins)} runs"


def _curves(found: Sequence[FoundRecord], origins: Sequence[Origin]) -> pd.DataFrame:
    """Return the training curves, a row for each step that was logged."""
    import pandas as pd

    rows: list[dict[str, Any]] = []
    for one, origin in zip(found, origins, strict=True):
        file = RunFolder(one.path).curve
        if one.path.is_dir() and file.is_file():
            rows += [{"run": origin.run, **line} for line in journal.read(file)]
    return pd.DataFrame(rows) if rows else pd.DataFrame(columns=["run", "step"])


def _flips(
    found: Sequence[FoundRecord], origins: Sequence[Origin], results: pd.DataFrame
) -> pd.DataFrame:
    """Return flipped items of each run's last step, fewer of each the more runs there are."""
    last = set(zip(results.run[results["last"]], results.checkpoint[results["last"]], strict=True))
    wanted = [
        Wanted(origin.run, one.record, line, one.root)
        for one, origin in zip(found, origins, strict=True)
        for line in one.record.checkpoints
        if (origin.run, line.name) in last
    ]
    kinds = 2 * sum(len(one.record.benchmarks) for one in wanted)
    return flips_frame(wanted, min(_MOST, max(_FEWEST, _ITEMS // max(kinds, 1))))


def _provenance(one: FoundRecord) -> Mapping[str, Any]:
    file = RunFolder(one.path).runfile
    known = runfile.read(file) if file.is_file() else {}
    return {**known, "evaluation": dict(one.record.fingerprint)}
