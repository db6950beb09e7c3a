"""Evaluations made by hand, as a sweep would have left them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from forget.evaluation.items import Item, write_items
from forget.evaluation.record import ModelLine, SweepRecord
from forget.store.atomic import write_json
from forget.store.manifest import seal

Scores = Sequence[float] | Mapping[str, float]


def make_evaluation(
    folder: Path, exam: str, scores: Scores, metric: str, details: Mapping[str, Any]
) -> None:
    """Write an evaluation; the keys of `scores` are document digests."""
    if not isinstance(scores, Mapping):
        scores = {f"doc{i}": score for i, score in enumerate(scores)}
    folder.mkdir(parents=True)
    items = [
        Item(
            task=exam,
            doc_id=index,
            doc_hash=document,
            score=score,
            metrics={metric: score},
            prompt="?",
            target="!",
            response=[[-1.0, True]],
        )
        for index, (document, score) in enumerate(scores.items())
    ]
    write_items(folder / "items.parquet", items)
    result = {
        "exam": exam,
        "metric": metric,
        "score": mean(scores.values()),
        "items": len(items),
        "details": dict(details),
    }
    write_json(folder / "results.json", result)
    seal(folder, "evaluation", {})


class Bench:
    """Makes evaluations below an output folder and the record that names them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lines: dict[str, ModelLine] = {}

    def model(
        self,
        name: str,
        scores: Mapping[str, Scores | None],
        step: int | None = None,
        **details: Mapping[str, Any],
    ) -> None:
        """Evaluate one model; None leaves an exam named but not evaluated."""
        folders = {exam: f"evaluations/{name}/{exam.replace(':', '-')}/cpu" for exam in scores}
        for exam, values in scores.items():
            if values is not None:
                metric = "accuracy" if exam.startswith("task:") else "acc"
                known = details.get(exam.replace(":", "_"), {})
                make_evaluation(self.root / folders[exam], exam, values, metric, known)
        self.lines[name] = ModelLine(
            name=name, step=step, digest=name[:4] * 16, evaluations=folders
        )

    def record(self, benchmarks: Sequence[str], task: str | None = None) -> SweepRecord:
        """Name all models made so far; the one called base is the base."""
        checkpoints = tuple(line for name, line in self.lines.items() if name != "base")
        return SweepRecord(
            title="a title",
            base_model="tiny",
            benchmarks=tuple(benchmarks),
            task=task,
            base=self.lines["base"],
            checkpoints=checkpoints,
            fingerprint={"engine": "stock", "device": "cpu"},
        )


def two_checkpoints(bench: Bench) -> SweepRecord:
    """Make two checkpoints on two benchmarks and the task, with differences worked out by hand.

    step-000100: a loses 2 of 8 (delta -0.25), b wins 1 of 4 (+0.25), the task wins 3 of 4.
    """
    items = {"a": {"required_items": 1172}, "b": {"required_items": 4}}
    bench.model(
        "base",
        {"a": [1, 1, 1, 1, 0, 0, 0, 0], "b": [0, 0, 1, 1], "task:sums": [0, 0, 0, 1]},
        0,
        **items,
        task_sums={"truncation_rate": 0.5},
    )
    bench.model(
        "step-000100",
        {"a": [0, 0, 1, 1, 0, 0, 0, 0], "b": [0, 1, 1, 1], "task:sums": [1, 1, 1, 1]},
        100,
        **items,
        task_sums={"truncation_rate": 0.25},
    )
    bench.model(
        "step-000200",
        {"a": [1, 1, 1, 1, 0, 0, 0, 0], "b": [0, 0, 1, 1], "task:sums": [0, 0, 0, 1]},
        200,
        **items,
        task_sums={"truncation_rate": 0.0},
    )
    return bench.record(["a", "b"], "task:sums")
