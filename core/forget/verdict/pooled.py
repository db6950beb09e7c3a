"""What a method forgets, over several training seeds: its runs are a sample of its runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from forget.evaluation.items import ItemScores
from forget.evaluation.record import ModelLine
from forget.metrics.estimate import Estimate
from forget.metrics.multiplicity import holm
from forget.metrics.paired import PairedDifference, paired_difference
from forget.metrics.seeds import Pooled, average_pooled, pool_seeds
from forget.verdict.frame import Origin
from forget.verdict.judging import verdict_of
from forget.verdict.pairing import clusters_of, in_order_of, scored_by
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
    "step": ("Int64", "the last step that all of them were evaluated at"),
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

    line: ModelLine
    found: FoundRecord


class _Answers(NamedTuple):
    """What all trainings changed on one exam.

    Attributes:
        d: Differences of each to its base, shape (seeds, items).
        clusters: The cluster of each item; None if they are independent.
        first: The difference of the first training by itself.
    """

    d: NDArray[np.float64]
    clusters: NDArray[np.intp] | None
    first: PairedDifference


def pooled_frame(
    found: Sequence[FoundRecord], origins: Sequence[Origin], terms: Terms
) -> pd.DataFrame:
    """Return a row for each method and exam, of methods that were trained with several seeds.

    Of runs with one seed, found in several output folders, the first counts: they are no
    independent trainings.

    Args:
        found: The sweeps.
        origins: Which run each belongs to, in the same order.
        terms: What verdicts are held to.

    Raises:
        DataError: A base and its checkpoint were asked different items, or files are damaged.
    """
    import pandas as pd

    groups: dict[tuple[str, ...], dict[int, FoundRecord]] = {}
    for one, origin in zip(found, origins, strict=True):
        if origin.seed is not None:
            names = tuple(getattr(origin, name) for name in _SAME)
            members = groups.setdefault((*names, one.record.base.digest), {})
            members.setdefault(origin.seed, one)
    rows: list[dict[str, Any]] = []
    for names, members in groups.items():
        step, trainings = _at_common_step(list(members.values()))
        if step is not None:
            known = dict(zip(_SAME, names, strict=False)) | {"step": step}
            rows += [known | row for row in _rows(trainings, terms)]
    return pd.DataFrame(rows, columns=list(POOLED))


def _at_common_step(members: Sequence[FoundRecord]) -> tuple[int | None, list[_Training]]:
    """Return the last step that all have been evaluated at, and each training there.

    Trainings that have not been evaluated whole at any step do not count.
    """
    lines = [(one, steps) for one in members if (steps := _evaluated_steps(one))]
    if len(lines) < 2:
        return None, []
    step = max(set.intersection(*(set(steps) for _, steps in lines)), default=None)
    if step is None:
        return None, []
    return step, [_Training(steps[step], one) for one, steps in lines]


def _evaluated_steps(one: FoundRecord) -> Mapping[int, ModelLine]:
    """Return by step the checkpoints that have been evaluated on all that was asked for.

    Models made of a checkpoint come after it and do not count.
    """
    return {
        line.step: line
        for line in reversed(one.record.checkpoints)
        if line.step is not None
        and all((one.root / folder).is_dir() for folder in line.evaluations.values())
    }


def _rows(trainings: Sequence[_Training], terms: Terms) -> Iterator[dict[str, Any]]:
    record = trainings[0].found.record
    answers = {
        name: one
        for name in [*record.benchmarks, *([record.task] if record.task else [])]
        if (one := _answers(trainings, name)) is not None
    }
    pooled = {name: _pooled(found) for name, found in answers.items()}
    benchmarks = [name for name in record.benchmarks if name in pooled]
    p = [pooled[name].estimate.p_two_sided() for name in benchmarks]
    adjusted = dict(zip(benchmarks, map(float, holm(p)), strict=True))
    for name, mean in pooled.items():
        kind = "benchmark" if name in adjusted else "task"
        row = {"benchmark": name, "kind": kind, "seeds": mean.seeds, "seed_sd": mean.seed_sd}
        yield row | _judged(mean.delta, mean.estimate, adjusted.get(name), terms)
    if benchmarks and len(benchmarks) == len(record.benchmarks):
        parts = [answers[name] for name in benchmarks]
        deltas = np.mean([part.d.mean(axis=1) for part in parts], axis=0)
        estimate = average_pooled(deltas, sum(map(_item_variance, parts)) / len(parts) ** 2)
        row = {"benchmark": "average", "kind": "average", "seeds": len(trainings)}
        row["seed_sd"] = float(deltas.std(ddof=1))
        yield row | _judged(float(deltas.mean()), estimate, None, terms)


def _answers(trainings: Sequence[_Training], exam: str) -> _Answers | None:
    """Compare each training with its own base; None if that cannot be done with all of them.

    One was not evaluated, or was asked other items (another --limit), or there is a single item.
    """
    asked: ItemScores | None = None
    rows = []
    for line, found in trainings:
        base = scored_by(found.record.base, exam, found.root)
        other = scored_by(line, exam, found.root)
        if base is None or other is None or len(base.items.scores) < 2:
            return None
        scores = in_order_of(base, other, exam, line.name)
        if asked is None:
            asked = base.items
            clusters = clusters_of(asked.tasks, asked.clusters)
            first = paired_difference(asked.scores, scores, clusters)
        if not base.items.same_keys(asked) and base.items.rows().keys() != asked.rows().keys():
            return None
        d = scores - base.items.scores
        rows.append(d[base.items.rows_of(asked, range(d.size))])
    return _Answers(np.stack(rows), clusters, first)


def _pooled(answers: _Answers) -> Pooled:
    """Pool all trainings; if every item of all changed alike, it is as sure as one training is.

    Then there is no spread to see, which is not to say that there is none.
    """
    pooled = pool_seeds(answers.d, answers.clusters)
    if np.ptp(answers.d) == 0 and answers.first.estimate is not None:
        return pooled._replace(estimate=answers.first.estimate)
    return pooled


def _item_variance(answers: _Answers) -> float:
    """Return the variance of the mean over trainings that comes from the choice of items."""
    if np.ptp(answers.d) == 0 and answers.first.estimate is not None:
        return answers.first.estimate.spread**2
    means = answers.d.mean(axis=0)
    return (paired_difference(np.zeros_like(means), means, answers.clusters).stderr or 0.0) ** 2


def _judged(delta: float, estimate: Estimate, p_holm: float | None, terms: Terms) -> dict[str, Any]:
    p = estimate.p_two_sided()
    low, high = estimate.interval(terms.level)
    return {
        "delta": delta,
        "stderr": estimate.spread,
        "low": low,
        "high": high,
        "p": p,
        "p_holm": p if p_holm is None else p_holm,
        "verdict": verdict_of(delta, p if p_holm is None else p_holm, estimate, terms),
    }
