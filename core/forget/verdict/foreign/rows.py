"""One task of lm-eval's: its samples, the metric that counts, and the items they make."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import attrs

from forget.errors import DataError
from forget.evaluation.harness import document_digest
from forget.evaluation.items import Item
from forget.verdict.foreign.files import AGAIN, TaskFiles, read_samples

__all__ = ["ForeignTask", "UnfitError", "read_task"]

PREFERRED = ("acc_norm", "acc", "exact_match", "prompt_level_strict_acc", "em", "f1")
"""The metric that counts where no registered benchmark says: the first of these that a task has."""

_NO_METRIC = {
    "doc_id",
    "doc",
    "target",
    "arguments",
    "resps",
    "filtered_resps",
    "filter",
    "metrics",
    "doc_hash",
    "prompt_hash",
    "target_hash",
}
"""Keys of a sample beside its metrics, for versions that did not list those."""

_SHAPES: dict[str, type | tuple[type, ...]] = {
    "doc_id": int,
    "doc": object,
    "target": object,
    "arguments": (dict, list),
    "filtered_resps": list,
}
"""Keys of a sample that it takes to pair it, and what they hold."""

_ROUNDING = 1e-6


class UnfitError(Exception):
    """A task that was evaluated rightly, but cannot be compared; the message says why."""


@attrs.frozen(kw_only=True)
class ForeignTask:
    """A task's samples by its first filter.

    Attributes:
        files: Where it was found.
        filter: The filter.
        rows: The samples, in the order of the documents.
    """

    files: TaskFiles
    filter: str
    rows: Sequence[Mapping[str, Any]]

    def metric(self) -> str:
        """Return the metric that counts where no benchmark says, see docs/how-to/compare.md.

        Raises:
            UnfitError: No metric can be compared item by item.
        """
        own = self._metrics()
        faults = {name: self._fault(name) for name in own}
        usable = [name for name in own if faults[name] is None]
        if not usable:
            said = "; ".join(f"{name} {fault}" for name, fault in faults.items())
            raise UnfitError(f"it has no metric that can be compared item by item ({said})")
        return next((name for name in PREFERRED if name in usable), usable[0])

    def items(self, metric: str, cluster: str | None = None) -> list[Item]:
        """Return the items by a metric.

        Args:
            metric: The metric.
            cluster: The field of a document that says what items share, see `Benchmark`.

        Raises:
            UnfitError: It has no such metric, or none that can be compared item by item.
        """
        fault = self._fault(metric) if metric in self._metrics() else "is none of its metrics"
        if fault is not None:
            raise UnfitError(f"its {metric} {fault}")
        return [self._item(row, metric, cluster) for row in self.rows]

    def reported(self, metric: str) -> float | None:
        """Return the score that lm-eval gives; None if it gives none."""
        return reported_score(self.files.results, self.files.task, metric, self.filter)

    def _metrics(self) -> list[str]:
        first = self.rows[0]
        return list(first.get("metrics") or [key for key in first if key not in _NO_METRIC])

    def _fault(self, metric: str) -> str | None:
        """Say why a metric cannot be compared item by item; None if it can."""
        values = [row.get(metric) for row in self.rows]
        if not all(isinstance(value, bool | int | float) for value in values):
            return "is not one number for each item"
        directions = self.files.results.get("higher_is_better") or {}
        if (directions.get(self.files.task) or {}).get(metric) is False:
            return "is better when it is lower"
        numbers = [float(value) for value in values if value is not None]
        if any(math.isnan(number) for number in numbers):
            return None  # refused with the item's name when it is paired
        if not all(0 <= number <= 1 for number in numbers):
            return "is not a share from 0 to 1"
        score = self.reported(metric)
        if score is not None and abs(fmean(numbers) - score) > _ROUNDING:
            return f"is reported as {score:.6g}, which is not the mean of the items"
        return None

    def _item(self, row: Mapping[str, Any], metric: str, cluster: str | None) -> Item:
        shared = row["doc"].get(cluster) if cluster else None
        numbers = {m: row[m] for m in self._metrics() if isinstance(row.get(m), bool | int | float)}
        return Item(
            task=self.files.task,
            doc_id=int(row["doc_id"]),
            doc_hash=document_digest(row["doc"]),
            score=float(row[metric]),
            metrics={name: float(value) for name, value in numbers.items()},
            prompt=_prompt(row["arguments"], self.files.samples),
            target=str(row["target"]),
            response=[_response(answer) for answer in row["filtered_resps"]],
            cluster="" if shared is None else document_digest(shared),
        )


def read_task(files: TaskFiles) -> ForeignTask:
    """Read the samples of one task.

    Raises:
        DataError: The file is damaged or cut, or from a version that left out what is needed.
        UnfitError: There are none.
    """
    if files.samples is None:
        raise UnfitError(f"{files.source.name} has no samples of it beside it: --log_samples")
    by_filter = _by_filter(files, read_samples(files.samples))
    name, rows = next(iter(by_filter.items()))
    count = ((files.results.get("n-samples") or {}).get(files.task) or {}).get("effective")
    if count is not None and count != len(rows):
        raise DataError(
            f"{files.samples} has {len(rows)} of the {count} items that {files.source.name} tells "
            "of: it was cut. Copy it here again."
        )
    return ForeignTask(files=files, filter=name, rows=rows)


def reported_score(
    results: Mapping[str, Any], name: str, metric: str, filter_name: str
) -> float | None:
    """Return the score that a results file gives a task or group; None if it gives none."""
    value = (results["results"].get(name) or {}).get(f"{metric},{filter_name}")
    return float(value) if isinstance(value, bool | int | float) else None


def _by_filter(
    files: TaskFiles, rows: Sequence[Mapping[str, Any]]
) -> dict[str, list[Mapping[str, Any]]]:
    """Part the samples by filter, in lm-eval's order; before 0.4.8 they did not name theirs."""
    names = _filters(files)
    seen: dict[Any, int] = {}
    found: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        _check(row, files)
        turn = seen.get(row["doc_id"], 0)
        seen[row["doc_id"]] = turn + 1
        name = str(row.get("filter") or names[min(turn, len(names) - 1)])
        found.setdefault(name, []).append(row)
    for group in found.values():
        if len({row["doc_id"] for row in group}) < len(group):
            raise DataError(
                f"{files.samples} has items twice: two evaluations were written into one file. "
                f"{AGAIN}"
            )
    return found


def _check(row: Mapping[str, Any], files: TaskFiles) -> None:
    """Refuse a sample that lm-eval could not have written."""
    missing = _SHAPES.keys() - row.keys()
    if missing:
        raise DataError(
            f"{files.samples} cannot be paired: its samples have no {sorted(missing)[0]!r}. {AGAIN}"
        )
    for name, kinds in _SHAPES.items():
        if not isinstance(row[name], kinds):
            raise DataError(
                f"{files.samples} is damaged: {name!r} of a sample is {row[name]!r:.60}. {AGAIN}"
            )


def _filters(files: TaskFiles) -> list[str]:
    """Return the filters in the order in which lm-eval applied them."""
    scores = files.results["results"].get(files.task) or {}
    named = (key.partition(",")[2] for key in scores if "," in key)
    return list(dict.fromkeys(named)) or ["none"]


def _prompt(arguments: Any, file: Path | None) -> str:
    """Return what the model read first; lm-eval before 0.4.3 kept lists."""
    try:
        first = arguments["gen_args_0"] if isinstance(arguments, dict) else arguments[0]
        return str(first["arg_0"] if isinstance(first, dict) else first[0])
    except (KeyError, IndexError, TypeError):
        raise DataError(
            f"{file} is damaged: a sample's 'arguments' have no prompt. {AGAIN}"
        ) from None


def _response(answer: Any) -> Any:
    """Return a text, or log-likelihood and whether it is greedy, which lm-eval keeps as texts."""
    if isinstance(answer, list | tuple) and len(answer) == 2:
        return [float(answer[0]), str(answer[1]) == "True"]
    return answer
