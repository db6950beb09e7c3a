"""What the last scored checkpoint of each run has lost: worked out once, and kept.

    reports/status.json    {"format": 1, "results": {digest of the items compared: numbers}}

To compare a checkpoint with its base takes a tenth of a second for the study's benchmarks, which a
tracker of a hundred runs cannot spend every time. What is kept goes by the digests of all files
that it was worked out from, so it is never of other ones; deleting it costs the time again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import attrs

from forget.errors import DataError, ModelError, StorageError
from forget.evaluation.record import ModelLine, SweepRecord
from forget.inference.weights import model_digest
from forget.run import BASE
from forget.scheduler.tracker.facts import Result
from forget.scheduler.tracker.views import View
from forget.store.atomic import write_json
from forget.store.layout import Workspace, checkpoint_name
from forget.store.manifest import Manifest, read_manifest
from forget.verdict.findings import CheckpointFindings, collect

__all__ = ["Results"]

_FORMAT = 1
_MOST = 5000
"""Results that are kept, the newest of them."""

_NUMBERS = {
    "average_delta",
    "average_stderr",
    "worst",
    "worst_delta",
    "task_accuracy",
    "task_delta",
    "task_stderr",
}


class _Chosen(NamedTuple):
    """A record of a base and one checkpoint, of what both are scored on; and what tells it."""

    record: SweepRecord
    scored: int
    digest: str


class Results:
    """Works out results, or takes them from what is kept; `save` keeps those that were new."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._file = workspace.root / "reports" / "status.json"
        self._kept = self._read()
        self._used: dict[str, Any] = {}
        self._manifests: dict[str, Manifest | None] = {}

    def of_view(self, view: View) -> Result | None:
        """Return the result of a planned run; None if nothing can be compared."""
        sweep, base = view.looked
        if base is None:
            return None
        folder = view.run.folder

        def newest_first() -> Iterator[ModelLine]:
            for step in reversed(folder.steps()):
                with suppress(ModelError):  # a damaged checkpoint has been scored as it was
                    digest = model_digest(folder.checkpoint(step), recompute=False)
                    evaluations = sweep.relative_folders(digest)
                    name = checkpoint_name(step)
                    yield ModelLine(name=name, step=step, digest=digest, evaluations=evaluations)

        *benchmarks, task = view.run.exams
        record = SweepRecord(
            title=view.run.title,
            base_model=view.run.model.name,
            benchmarks=tuple(exam.name for exam in benchmarks),
            task=task.name,
            base=ModelLine(
                name=BASE, step=0, digest=base, evaluations=sweep.relative_folders(base)
            ),
            checkpoints=(),
            fingerprint={},
        )
        return self._of(record, newest_first())

    def of_record(self, record: SweepRecord) -> Result | None:
        """Return the result of a run that was recorded; None if nothing can be compared."""
        return self._of(
            record, (line for line in reversed(record.checkpoints) if _is_trained(line))
        )

    def _of(self, record: SweepRecord, newest_first: Iterable[ModelLine]) -> Result | None:
        chosen = self._choose(record, newest_first)
        if chosen is None:
            return None
        numbers = self._kept.get(chosen.digest)
        if numbers is None:
            try:
                numbers = self._numbers(chosen.record)
            except DataError as error:
                return self._result(record, chosen, {"problem": str(error)})
        self._used[chosen.digest] = numbers
        return self._result(record, chosen, numbers)

    def save(self) -> None:
        """Keep what was used, if some of it is new and the folder can be written."""
        if self._used.keys() - self._kept.keys():
            with suppress(StorageError, OSError):
                results = list({**self._kept, **self._used}.items())[-_MOST:]
                write_json(self._file, {"format": _FORMAT, "results": dict(results)})

    def _read(self) -> dict[str, Any]:
        try:
            plain = json.loads(self._file.read_text(encoding="utf-8"))
            kept = plain["results"].items() if plain["format"] == _FORMAT else ()
            return {digest: numbers for digest, numbers in kept if numbers.keys() == _NUMBERS}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return {}

    def _choose(self, record: SweepRecord, newest_first: Iterable[ModelLine]) -> _Chosen | None:
        """Choose the last checkpoint with all benchmarks scored, else the last with any."""
        partly = None
        for line in newest_first:
            shared = [e for e, there in line.evaluations.items() if self._both(e, there, record)]
            scored = len(set(shared) & set(record.benchmarks))
            if scored == len(record.benchmarks) and scored:
                return self._chosen(record, line, shared, scored)
            if shared and partly is None:
                partly = self._chosen(record, line, shared, scored)
        return partly

    def _both(self, exam: str, folder: str, record: SweepRecord) -> bool:
        base = record.base.evaluations.get(exam)
        return base is not None and all(self._manifest(path) is not None for path in (folder, base))

    def _chosen(
        self, record: SweepRecord, line: ModelLine, exams: list[str], scored: int
    ) -> _Chosen:
        parts = [json.dumps([record.benchmarks, record.task])]
        narrowed = []
        for model in (record.base, line):
            evaluations = {exam: model.evaluations[exam] for exam in exams}
            narrowed.append(attrs.evolve(model, evaluations=evaluations))
            for exam, folder in evaluations.items():
                manifest = self._manifest(folder)
                assert manifest is not None  # `_both` has looked
                parts += [exam, *(sha for _, (_, sha) in sorted(manifest.files.items()))]
        base, checkpoint = narrowed
        return _Chosen(
            attrs.evolve(record, base=base, checkpoints=(checkpoint,)),
            scored,
            hashlib.sha256("\n".join(parts).encode()).hexdigest()[:24],
        )

    def _manifest(self, folder: str) -> Manifest | None:
        if folder not in self._manifests:
            found = read_manifest(self._workspace.root / folder)
            self._manifests[folder] = found if found and found.kind == "evaluation" else None
        return self._manifests[folder]

    def _numbers(self, record: SweepRecord) -> dict[str, Any]:
        [found] = collect(record, self._workspace.root).checkpoints
        return _numbers(found)

    @staticmethod
    def _result(record: SweepRecord, chosen: _Chosen, numbers: dict[str, Any]) -> Result:
        return Result(
            run=record.title,
            checkpoint=chosen.record.checkpoints[0].name,
            scored=chosen.scored,
            benchmarks=len(record.benchmarks),
            **numbers,
        )


def _is_trained(line: ModelLine) -> bool:
    """Say whether a model is a checkpoint, and not made of one."""
    return line.step is not None and line.name == checkpoint_name(line.step)


def _numbers(found: CheckpointFindings) -> dict[str, Any]:
    average, worst, task = found.average_so_far, found.worst, found.task
    return {
        "average_delta": average.delta if average else None,
        "average_stderr": average.stderr if average else None,
        "worst": worst.benchmark if worst else "",
        "worst_delta": worst.change.delta if worst else None,
        "task_accuracy": task.score if task else None,
        "task_delta": task.change.delta if task else None,
        "task_stderr": task.change.stderr if task else None,
    }
