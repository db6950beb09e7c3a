"""Findings as one tidy pandas frame: a row for each run, checkpoint and exam."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import attrs

from forget.metrics import Average, Interval, PairedDifference
from forget.store import runfile
from forget.store.layout import RunFolder, checkpoint_name
from forget.verdict.columns import COLUMNS
from forget.verdict.findings import CheckpointFindings, Finding, Findings
from forget.verdict.judging import Judgement

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Origin", "origin_of", "results_frame"]

Row = dict[str, Any]

_DETAILS = ("truncation_rate", "calibration_error", "response_tokens", "distinct_2")

_FORMERLY = {"response_tokens": "mean_tokens"}
"""What evaluations of earlier versions call a detail."""

_DRIFT = (
    "kl_to_base",
    "kl_to_base_stderr",
    "reverse_kl_to_base",
    "unchanged_weights",
    "relative_change",
)


@attrs.frozen(kw_only=True)
class Origin:
    """Which run a sweep belongs to.

    Attributes:
        run: Its name for people.
        path: The run directory, or the file of a comparison.
        study: Parts of the run; empty for a comparison, like the following.
        model: The base model.
        dataset: What was trained on.
        method: The method.
        variant: The method with settings that were swept.
        seed: Training seed; None for a comparison.
    """

    run: str
    path: str
    study: str = ""
    model: str = ""
    dataset: str = ""
    method: str = ""
    variant: str = ""
    seed: int | None = None


def origin_of(title: str, path: Path, base_model: str) -> Origin:
    """Tell where a sweep comes from: the run directory's settings say it.

    Raises:
        FrozenRunError: They cannot be read.
    """
    file = RunFolder(path).runfile
    if not file.is_file():
        return Origin(run=title, path=str(path), model=base_model)
    settings = runfile.read_settings(file)
    return Origin(
        run=title,
        path=str(path),
        study=str(settings.get("study", "")),
        model=str(settings.get("model", base_model)),
        dataset=str(settings.get("dataset", "")),
        method=str(settings.get("method", "")),
        variant=path.resolve().parent.name,
        seed=settings.get("seed"),
    )


def results_frame(found: Sequence[tuple[Origin, Findings]]) -> pd.DataFrame:
    """Return the frame of `columns.COLUMNS`; without rows if nothing was found."""
    import pandas as pd

    rows = [row for origin, findings in found for row in _rows(origin, findings)]
    columns = {
        name: pd.Series([row.get(name) for row in rows], dtype=_dtype(kind), name=name)
        for name, (kind, _) in COLUMNS.items()
    }
    return pd.DataFrame(columns)


def _dtype(kind: str) -> str:
    return "object" if kind == "str" else kind


def _rows(origin: Origin, findings: Findings) -> Iterator[Row]:
    run = attrs.asdict(origin)
    judged = findings.judged
    for checkpoint in findings.checkpoints:
        trained = checkpoint.step is None or checkpoint.name == checkpoint_name(checkpoint.step)
        row = {
            **run,
            "checkpoint": checkpoint.name,
            "step": checkpoint.step,
            "last": (trained or origin.seed is None) and checkpoint in judged,
            "margin": findings.terms.margin,
            **{name: checkpoint.drift.get(name) for name in _DRIFT},
        }
        yield from (row | found for found in _exams(checkpoint, findings))


def _exams(checkpoint: CheckpointFindings, findings: Findings) -> Iterator[Row]:
    scored = {finding.benchmark: finding for finding in checkpoint.benchmarks}
    for name in findings.record.benchmarks:
        known = findings.terms.benchmarks.get(name)
        row: Row = {"benchmark": name, "title": known.title if known else name}
        row["kind"] = "benchmark"
        if name in scored:
            yield row | _finding(scored[name])
        else:
            required = known.items if known else None
            yield (
                row
                | {"verdict": "missing", "reason": "Not evaluated yet.", "items": 0}
                | {"required_items": required}
            )
    task = checkpoint.task
    if task is not None:
        dataset = task.benchmark.removeprefix("task:")
        row = {"benchmark": task.benchmark, "title": f"task ({dataset})", "kind": "task"}
        yield row | _finding(task)
    average, judgement = checkpoint.average_so_far, checkpoint.judgement
    if average is not None and judgement is not None:
        yield _average(checkpoint, average, judgement)


def _average(checkpoint: CheckpointFindings, average: Average, judgement: Judgement) -> Row:
    """Return the row of the mean; of a part of the benchmarks it says so."""
    row: Row = {"benchmark": "average", "title": "average", "kind": "average"}
    row |= _change(average, judgement)
    if checkpoint.missing:
        scored = len(checkpoint.benchmarks)
        whole = scored + len(checkpoint.missing)
        row["title"] = f"average of {scored} of {whole}"
    count = len(checkpoint.benchmarks)
    row["base_score"] = sum(finding.base_score for finding in checkpoint.benchmarks) / count
    row["score"] = sum(finding.score for finding in checkpoint.benchmarks) / count
    return row


def _finding(finding: Finding) -> Row:
    change, judgement = finding.change, finding.judgement
    row = {
        "metric": finding.metric,
        "chance": finding.chance,
        "items": change.items,
        "required_items": finding.details.get("required_items"),
        "base_score": finding.base_score,
        "score": finding.score,
        "clusters": change.clusters,
        "lost": change.lost,
        "gained": change.gained,
        **_change(change, judgement),
    }
    for name in _DETAILS:
        row[name] = _detail(finding.details, name)
        row[f"base_{name}"] = _detail(finding.base_details, name)
    return row


def _detail(details: Mapping[str, Any], name: str) -> Any:
    return details.get(name, details.get(_FORMERLY.get(name, name)))


def _change(change: PairedDifference | Average, judgement: Judgement) -> Row:
    flips = judgement.flips
    return {
        "delta": change.delta,
        "stderr": change.stderr,
        "interval": judgement.interval_method,
        **_ends("", judgement.interval),
        **_ends("boot_", judgement.bootstrap),
        **_ends("worst_", judgement.corrected),
        **_ends("band_", judgement.band),
        **_numbers(judgement),
        "forgetting": flips.forgetting if flips else None,
        "backward_transfer": flips.backward_transfer if flips else None,
    }


def _numbers(judgement: Judgement) -> Mapping[str, Any]:
    """Return what the frame has under the judgement's own names."""
    names = {field.name for field in attrs.fields(Judgement)} & COLUMNS.keys() - {"interval"}
    return {name: getattr(judgement, name) for name in names}


def _ends(prefix: str, interval: Interval | None) -> Row:
    low, high = interval or (None, None)
    return {f"{prefix}low": low, f"{prefix}high": high}
