"""Has models answer exams, keeps every finished batch, and never scores the same thing twice."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.errors import DataError
from forget.evaluation.exam import Exam
from forget.evaluation.items import write_items
from forget.inference.engine import Engine, Request, RunningModel
from forget.progress import Progress
from forget.store import journal
from forget.store.atomic import staged_folder, write_json
from forget.store.layout import Workspace
from forget.store.manifest import read_manifest, seal, verify

__all__ = ["Evaluation", "Sweep", "fingerprint_name", "read_evaluation"]


@attrs.frozen(kw_only=True)
class Evaluation:
    """One model's finished result on one exam.

    Attributes:
        folder: Where items and results are.
        exam: The exam's name.
        metric: The metric that counts.
        score: Its value.
        items: Number of items scored.
        details: What else the exam says (truncation rate, the number of items it must have).
    """

    folder: Path
    exam: str
    metric: str
    score: float
    items: int
    details: dict[str, Any]

    @property
    def items_file(self) -> Path:
        """The per-item records."""
        return self.folder / "items.parquet"


def read_evaluation(folder: Path) -> Evaluation | None:
    """Read a finished evaluation; None if it is not there or not complete."""
    manifest = read_manifest(folder)
    if manifest is None or manifest.kind != "evaluation":
        return None
    plain = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return Evaluation(
        folder=folder,
        exam=plain["exam"],
        metric=plain["metric"],
        score=plain["score"],
        items=plain["items"],
        details=plain["details"],
    )


def fingerprint_name(engine: Engine) -> str:
    """Name an engine's fingerprint: readable first, then its hash."""
    fingerprint = engine.fingerprint()
    digest = hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()[:10]
    return f"{fingerprint['engine']}-{fingerprint['device']}-{fingerprint['dtype']}-{digest}"


@attrs.frozen
class Sweep:
    """The evaluation of some models on some exams by one engine."""

    workspace: Workspace
    engine: Engine
    exams: Sequence[Exam]

    def folder(self, digest: str, exam: Exam) -> Path:
        """Return where the evaluation of a model on an exam is or will be."""
        return self.workspace.evaluation(digest, exam.key(), fingerprint_name(self.engine))

    def relative_folders(self, digest: str) -> dict[str, str]:
        """Return exam name to evaluation folder, relative to the output folder."""
        root = self.workspace.root
        return {e.name: self.folder(digest, e).relative_to(root).as_posix() for e in self.exams}

    def missing(self, digest: str) -> list[Exam]:
        """List the exams that a model has not finished."""
        return [exam for exam in self.exams if read_evaluation(self.folder(digest, exam)) is None]

    def run(self, model: Path, digest: str, label: str, progress: Progress) -> list[Evaluation]:
        """Evaluate one model, continuing what was begun; return its results in exam order.

        Args:
            model: The model folder.
            digest: Its digest, which names the results.
            label: What the user knows it by.
            progress: Where to report.
        """
        for exam in self.exams:
            self._drop_damaged(self.folder(digest, exam), progress)
        running: RunningModel | None = None
        for exam in self.missing(digest):
            if running is None:
                with progress.task(f"{label}: loading the model", None):
                    running = self.engine.load(model)
            self._evaluate(exam, running, model, digest, label, progress)
        return list(self.results(digest))

    def results(self, digest: str) -> Iterator[Evaluation]:
        """Yield the finished evaluations of a model, in exam order."""
        for exam in self.exams:
            found = read_evaluation(self.folder(digest, exam))
            if found is not None:
                yield found

    def _drop_damaged(self, folder: Path, progress: Progress) -> None:
        """Have an evaluation done again whose files no longer have their digests."""
        if (folder / "manifest.json").is_file() and verify(folder) is None:
            progress.note(f"{folder} was changed or cut short: evaluating it again.")
            (folder / "manifest.json").unlink()

    def _evaluate(
        self,
        exam: Exam,
        running: RunningModel,
        model: Path,
        digest: str,
        label: str,
        progress: Progress,
    ) -> None:
        with progress.task(f"{label}: {exam.name}: reading", None):
            requests = exam.requests(model)
        if not requests:
            raise DataError(f"{exam.name} has no items to score.")
        folder = self.folder(digest, exam)
        answers = _answer(
            _Journal.open(folder, requests),
            self.engine.plan(requests),
            requests,
            running,
            progress,
            f"{label}: {exam.name}",
        )
        marked = exam.mark([answers[index] for index in range(len(requests))])
        with staged_folder(folder) as staging:
            write_items(staging / "items.parquet", marked.items)
            result = {
                "exam": exam.name,
                "metric": exam.metric,
                "score": marked.score,
                "items": len(marked.items),
                "details": marked.details,
            }
            write_json(staging / "results.json", result)
            seal(
                staging,
                "evaluation",
                {
                    "model_digest": digest,
                    "requests_digest": _requests_digest(requests),
                    "fingerprint": dict(self.engine.fingerprint()),
                },
            )
        _Journal.path(folder).unlink(missing_ok=True)


@attrs.frozen
class _Journal:
    """Answers that were finished before the evaluation was: ``[index, answer]`` a line."""

    file: Path
    answers: dict[int, Any]

    @staticmethod
    def path(folder: Path) -> Path:
        return folder.with_name(f".{folder.name}.answers.jsonl")

    @classmethod
    def open(cls, folder: Path, requests: Sequence[Request]) -> _Journal:
        """Read the journal; one that answers other requests is started afresh."""
        file, wanted = cls.path(folder), {"requests": _requests_digest(requests)}
        records = journal.read(file)
        if not records or records[0] != wanted:
            records = [wanted]
        # Written back in any case: a last line that was cut short would spoil the one after it.
        journal.rewrite(file, records)
        return cls(file, dict(records[1:]))


def _answer(
    kept: _Journal,
    plan: Sequence[tuple[int, ...]],
    requests: Sequence[Request],
    running: RunningModel,
    progress: Progress,
    description: str,
) -> dict[int, Any]:
    answers = dict(kept.answers)
    with progress.task(description, len(requests)) as advance:
        for batch in plan:
            # A batch is answered whole or not at all: its shape is part of its answers.
            if not all(index in answers for index in batch):
                new = dict(zip(batch, running.answer([requests[i] for i in batch]), strict=True))
                journal.append(kept.file, ([index, answer] for index, answer in new.items()))
                answers.update(new)
            advance(len(batch))
    return answers


def _requests_digest(requests: Sequence[Request]) -> str:
    digest = hashlib.sha256()
    for request in requests:
        digest.update(repr((type(request).__name__, attrs.astuple(request))).encode())
    return digest.hexdigest()[:16]
