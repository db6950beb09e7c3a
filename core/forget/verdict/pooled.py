"""What a method forgets, over several training seeds: its runs are a sample of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.evaluation.record import ModelLine, SweepRecord
from forget.metrics.estimate import Estimate
from forget.metrics.multiplicity import holm
from forget.metrics.paired import paired_difference
from forget.metrics.seeds import Pooled, average_pooled, pool_seeds
from forget.verdict.frame import Origin
from forget.verdict.judging import verdict_of
from forget.verdict.pairing import clusters_of, in_order_of, load_scored
from forget.verdict.records import FoundRecord
from forget.verdict.terms import Terms

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["POOLED", "pooled_frame"]

POOLED: Final[dict[str, tuple[str, str]]] = {
    "study": ("str", "what the runs have in common"),
    "model": ("str", "the base model"),
    "dataset": ("str", "what was trained on"),
    "method": ("str", "the method"),
    "variant": ("str", "the method with settings that were swept"),
    "seeds": ("Int64", "how many trainings"),
    "step": ("Int64", "the last step that all of them have"),
    "benchmark": ("str", "name of the exam, or average"),
    "kind": ("str", "benchmark, task, or average"),
    "delta": ("float64", "mean over trainings and items"),
    "stderr": ("float64", "its standard error: both are samples"),
    "low": ("float64", "lower end of its confidence interval"),
    "high": ("float64", "upper end"),
    "seed_sd": ("float64", "standard deviation between trainings, beyond the noise of the items"),
    "p": ("float64", "p-value of the t-test"),
    "p_holm": ("float64", "corrected over the benchmarks (Holm)"),
    "verdict": ("str", "of the method: forgot, improved, kept, or inconclusive"),
}
"""Columns of the frame of methods: type and meaning."""

_SAME = ("study", "model", "dataset", "method", "variant")


class _Training(NamedTuple):
    """One training, at the step that is compared."""

    base: ModelLine
    line: ModelLine
    found: FoundRecord


def pooled_frame(
    found: Sequence[FoundRecord], origins: Sequence[Origin], terms: Terms
) -> pd.DataFrame:
    """Return a row for each method and exam, of methods that were trained with several seeds.

    Args:
        found: The sweeps.
        origins: Which run each belongs to, in the same order.
        terms: What verdicts are held to.

    Raises:
        DataError: The runs were asked different items, or files are damaged.
    """
    import pandas as pd

    groups: dict[tuple[str, ...], list[FoundRecord]] = {}
    for one, origin in zip(found, origins, strict=True):
        if origin.seed is not None:
            groups.setdefault(tuple(getattr(origin, n) for n in _SAME), []).append(one)
    rows: list[dict[str, Any]] = []
    for names, members in groups.items():
        step, trainings = _at_common_step(members)
        if step is not None:
            known = dict(zip(_SAME, names, strict=True)) | {"step": step}
            rows += [known | row for row in _rows(trainings, terms)]
    return pd.DataFrame(rows, columns=list(POOLED))


def _at_common_step(members: Sequence[FoundRecord]) -> tuple[int | None, list[_Training]]:
    """Return the last step that all trainings have, and each of them there."""
    lines = [_steps(one.record) for one in members]
    common = set.intersection(*(set(found) for found in lines))
    if len(members) < 2 or not common:
        return None, []
    step = max(common)
    trainings = zip(members, lines, strict=True)
    return step, [_Training(one.record.base, found[step], one) for one, found in trainings]


def _steps(record: SweepRecord) -> Mapping[int, ModelLine]:
    """Return the checkpoints by step; models made of one come after it and do not count."""
    return {line.step: line for line in reversed(record.checkpoints) if line.step is not None}


def _rows(trainings: Sequence[_Training], terms: Terms) -> Iterator[dict[str, Any]]:
    record = trainings[0].found.record
    pooled: dict[str, Pooled] = {}
    averages: list[NDArray[np.float64]] = []
    item_variances = []
    for name in [*record.benchmarks, *([record.task] if record.task else [])]:
        loaded = _differences(trainings, name)
        if loaded is None:
            continue
        d, clusters = loaded
        if d.shape[1] < 2:
            continue
        pooled[name] = pool_seeds(d, clusters)
        if name != record.task:
            averages.append(d.mean(axis=1))
            mean = paired_difference(np.zeros(d.shape[1]), d.mean(axis=0), clusters)
            item_variances.append((mean.stderr or 0.0) ** 2)
    benchmarks = [name for name in pooled if name != record.task]
    adjusted = dict(
        zip(benchmarks, holm([pooled[n].estimate.p_two_sided() for n in benchmarks]), strict=True)
    )
    for name, one in pooled.items():
        kind = "task" if name == record.task else "benchmark"
        p_holm = float(adjusted[name]) if kind == "benchmark" else None
        row = {"benchmark": name, "kind": kind, "seeds": one.seeds, "seed_sd": one.seed_sd}
        yield row | _judged(one.estimate, p_holm, terms)
    if benchmarks and len(benchmarks) == len(record.benchmarks):
        deltas = np.mean(averages, axis=0)
        estimate = average_pooled(deltas, sum(item_variances) / len(benchmarks) ** 2)
        row = {"benchmark": "average", "kind": "average", "seeds": len(trainings)}
        yield row | {"seed_sd": float(deltas.std(ddof=1))} | _judged(estimate, None, terms)


def _differences(
    trainings: Sequence[_Training], exam: str
) -> tuple[NDArray[np.float64], NDArray[np.intp] | None] | None:
    """Return all trainings' differences to the base, shape (seeds, items), and the clusters.

    None if one of them was not evaluated.
    """
    root = trainings[0].found.root
    if exam not in trainings[0].base.evaluations:
        return None
    base = load_scored(root / trainings[0].base.evaluations[exam])
    rows = []
    for one in trainings:
        folder = one.line.evaluations.get(exam)
        other = load_scored(one.found.root / folder) if folder is not None else None
        if base is None or other is None:
            return None
        rows.append(in_order_of(base, other, exam, one.line.name) - base.items.scores)
    assert base is not None
    return np.stack(rows), clusters_of(base.items.tasks, base.items.clusters)


def _judged(estimate: Estimate, p_holm: float | None, terms: Terms) -> dict[str, Any]:
    p = estimate.p_two_sided()
    low, high = estimate.interval(terms.level)
    return {
        "delta": estimate.centre,
        "stderr": estimate.spread,
        "low": low,
        "high": high,
        "p": p,
        "p_holm": p if p_holm is None else p_holm,
        "verdict": verdict_of(estimate.centre, p if p_holm is None else p_holm, estimate, terms),
    }
