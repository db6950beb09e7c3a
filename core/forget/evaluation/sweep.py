"""Has models answer exams, keeps every finished batch, and never scores the same thing twice."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import attrs

from forget.errors import DataError
from forget.evaluation.answers import Answers, discard_answers
from forget.evaluation.exam import Exam
from forget.evaluation.items import write_items
from forget.evaluation.shards import Shard, balance, freeze_rates
from forget.inference.engine import Batch, Engine, RunningModel, Work
from forget.inference.weights import tokenizer_digest
from forget.progress import Progress
from forget.store.atomic import staged_folder, write_json
from forget.store.layout import Workspace
from forget.store.manifest import complete_kind, read_manifest, seal, verify

__all__ = [
    "Evaluation",
    "Sweep",
    "fingerprint_name",
    "intact_evaluation",
    "is_evaluation",
    "read_evaluation",
]

_RATES = {"score": 1.0, "generate": 4.0}
"""Relative seconds per unit of cost where nothing was measured: a written token takes longer."""


@attrs.frozen(kw_only=True)
class Evaluation:
    """One model's finished result on one exam.

    Attributes:
        folder: Where items and results are.
        exam: The exam's name.
        metric: The metric that counts.
        score: Its value.
        items: Number of items scored.
        details: What else the exam says (truncation rate, the number of items it must have); those
            made by an earlier version may lack some.
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


def is_evaluation(folder: Path | str) -> bool:
    """Say whether a folder is a finished evaluation, as far as the sizes of its files tell."""
    return complete_kind(str(folder)) == "evaluation"


def read_evaluation(folder: Path) -> Evaluation | None:
    """Read a finished evaluation; None if it is not there or not complete."""
    if not is_evaluation(folder):
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


def intact_evaluation(folder: Path) -> Evaluation | None:
    """Read a finished evaluation whose files are read through; None if it is not there.

    Raises:
        DataError: It was changed, or cut short.
    """
    evaluation = read_evaluation(folder)
    if evaluation is not None and verify(folder) is None:
        raise DataError(
            f"{folder} is damaged or was changed: its files do not have the digests in its "
            "manifest. Run the command that made it again: it is evaluated anew, and nothing else."
        )
    return evaluation


def fingerprint_name(engine: Engine) -> str:
    """Name an engine's fingerprint: readable first, then its hash."""
    fingerprint = engine.fingerprint()
    digest = hashlib.sha256(json.dumps(fingerprint, sort_keys=True).encode()).hexdigest()[:10]
    return f"{engine.name}-{fingerprint['device']}-{fingerprint['dtype']}-{digest}"


class _Model(NamedTuple):
    """The model that is being evaluated."""

    folder: Path
    digest: str
    label: str


@attrs.define
class Sweep:
    """The evaluation of some models on some exams by one engine.

    Attributes:
        workspace: Where results are.
        engine: What runs the models.
        exams: What they are scored on.
        shard: The part of the work that is done here; None does all of it.
        fingerprint: The name that results go by; that of another machine to look for those alone
            that were made there.
    """

    workspace: Workspace
    engine: Engine
    exams: Sequence[Exam]
    shard: Shard | None = None
    fingerprint: str = attrs.field()
    _works: dict[tuple[str, str], Work] = attrs.field(factory=dict, init=False)

    @fingerprint.default
    def _own_fingerprint(self) -> str:
        return fingerprint_name(self.engine)

    def folder(self, digest: str, exam: Exam) -> Path:
        """Return where the evaluation of a model on an exam is or will be."""
        return self.workspace.evaluation(digest, exam.key(), self.fingerprint)

    def relative_folders(self, digest: str) -> dict[str, str]:
        """Return exam name to evaluation folder, relative to the output folder."""
        model = self.workspace.evaluations_of(digest).relative_to(self.workspace.root).as_posix()
        return {exam.name: f"{model}/{exam.key()}/{self.fingerprint}" for exam in self.exams}

    def missing(self, digest: str) -> list[Exam]:
        """List the exams that a model has not finished."""
        # As text: of a study's time for this, making a Path for each would be the largest part.
        model = str(self.workspace.evaluations_of(digest))
        return [
            exam
            for exam in self.exams
            if not is_evaluation(f"{model}/{exam.key()}/{self.fingerprint}")
        ]

    def is_whole(self, digest: str) -> bool:
        """Say whether a model has finished every exam, and no file of that was changed since."""
        return all(verify(self.folder(digest, exam)) is not None for exam in self.exams)

    def run(self, folder: Path, digest: str, label: str, progress: Progress) -> list[Evaluation]:
        """Evaluate one model, continuing what was begun; return its results in exam order.

        Args:
            folder: The model folder.
            digest: Its digest, which names the results.
            label: What the user knows it by.
            progress: Where to report.
        """
        model = _Model(folder, digest, label)
        for exam in self.exams:
            self._drop_damaged(self.folder(digest, exam), progress)
        missing = self.missing(digest)
        for exam in self.exams:
            if exam not in missing:
                discard_answers(self.folder(digest, exam))  # of a process killed just before
        mine = self._mine(model, progress) if self.shard and missing else None
        running: RunningModel | None = None
        for exam in missing:
            work = self._work(exam, model, progress)
            if self._is_finished(digest, exam):
                continue  # another process has concluded it meanwhile
            answers = Answers(self.folder(digest, exam), work.digest)
            batches = [b for b in work.batches if mine is None or (exam.name, b) in mine]
            left = [batch for batch in batches if not answers.has(batch)]
            if left and running is None:
                with progress.task(f"{label}: loading the model", None):
                    running = self.engine.load(folder)
                if self._is_finished(digest, exam):
                    continue  # loading takes its time, and others go on
                answers.refresh()
            seconds = _answer(work, batches, answers, running, progress, f"{label}: {exam.name}")
            self._conclude(exam, work, answers, model, seconds)
        return list(self.results(digest))

    def results(self, digest: str) -> Iterator[Evaluation]:
        """Yield the finished evaluations of a model, in exam order."""
        for exam in self.exams:
            found = read_evaluation(self.folder(digest, exam))
            if found is not None:
                yield found

    def _is_finished(self, digest: str, exam: Exam) -> bool:
        return is_evaluation(self.folder(digest, exam))

    def _drop_damaged(self, folder: Path, progress: Progress) -> None:
        """Have an evaluation done again whose files no longer have their digests."""
        if (folder / "manifest.json").is_file() and verify(folder) is None:
            progress.note(f"{folder} was changed or cut short: evaluating it again.")
            (folder / "manifest.json").unlink(missing_ok=True)  # another process may find it too

    def _work(self, exam: Exam, model: _Model, progress: Progress) -> Work:
        """Prepare an exam for all models with the same tokenizer, once."""
        key = (exam.key(), tokenizer_digest(model.folder))
        if key not in self._works:
            with progress.task(f"{exam.name}: reading and tokenising", None):
                requests = exam.requests(model.folder)
                if not requests:
                    raise DataError(f"{exam.name} has no items to score.")
                self._works[key] = self.engine.prepare(requests, model.folder)
            for fact, value in self._works[key].facts.items():
                progress.note(f"{exam.name}: {fact.replace('_', ' ')}: {value:,}")
        return self._works[key]

    def _mine(self, model: _Model, progress: Progress) -> set[tuple[str, Batch]]:
        """Return the batches of this process's shard, as divided over all exams."""
        assert self.shard is not None
        pieces = [
            (exam.name, batch)
            for exam in self.exams
            for batch in self._work(exam, model, progress).batches
        ]
        names = "\n".join(sorted(exam.key() for exam in self.exams))
        plan = hashlib.sha256(f"{self.shard.count}\n{names}".encode()).hexdigest()[:12]
        file = self.folder(model.digest, self.exams[0]).parent.parent / f".shards-{plan}.json"
        rates = freeze_rates(file, self._measured_rates())
        costs = [batch.cost * rates[batch.kind] for _, batch in pieces]
        shards = balance(costs, self.shard.count)
        mine = self.shard.index - 1
        return {piece for piece, shard in zip(pieces, shards, strict=True) if shard == mine}

    def _measured_rates(self) -> dict[str, float]:
        """Return the seconds per unit of cost of what this engine has evaluated here before."""
        seconds, cost = dict.fromkeys(_RATES, 0.0), dict.fromkeys(_RATES, 0.0)
        pattern = f"evaluations/*/*/{self.fingerprint}"
        for folder in self.workspace.root.glob(pattern):
            manifest = read_manifest(folder)
            times = manifest.details.get("time", {}) if manifest else {}
            for kind, (took, units) in times.items():
                seconds[kind] += took
                cost[kind] += units
        if not all(cost.values()):
            return dict(_RATES)
        return {kind: seconds[kind] / cost[kind] for kind in _RATES}

    def _conclude(
        self,
        exam: Exam,
        work: Work,
        answers: Answers,
        model: _Model,
        seconds: dict[str, tuple[float, float]],
    ) -> None:
        """Mark an exam whose answers are all there, and seal its evaluation."""
        answers.refresh()
        if not all(answers.has(batch) for batch in work.batches):
            return  # other shards are still at it; the last of them comes through here
        found = answers.all()
        answered = [found[index] for index in range(len(work.requests))]
        marked = exam.mark(answered, model.folder)
        folder = self.folder(model.digest, exam)
        with staged_folder(folder, keep=lambda f: read_evaluation(f) is not None) as staging:
            write_items(staging / "items.parquet", marked.items)
            result = {
                "exam": exam.name,
                "metric": exam.metric,
                "score": marked.score,
                "items": len(marked.items),
                "details": {**marked.details, **work.facts},
            }
            write_json(staging / "results.json", result)
            seal(
                staging,
                "evaluation",
                {
                    "model_digest": model.digest,
                    "work_digest": work.digest,
                    "fingerprint": dict(self.engine.fingerprint()),
                    "time": seconds,
                },
            )
        answers.discard()


def _answer(
    work: Work,
    batches: Sequence[Batch],
    answers: Answers,
    running: RunningModel | None,
    progress: Progress,
    description: str,
) -> dict[str, tuple[float, float]]:
    """Answer what is left of some batches; return seconds and cost of it by kind."""
    spent: dict[str, tuple[float, float]] = {}
    with progress.task(description, sum(len(batch.requests) for batch in batches)) as advance:
        for batch in batches:
            if not answers.has(batch):
                assert running is not None
                started = time.monotonic()
                answers.add(batch, running.answer(work, batch))
                seconds, cost = spent.get(batch.kind, (0.0, 0.0))
                took = time.monotonic() - started
                spent[batch.kind] = (seconds + took, cost + batch.cost)
            advance(len(batch.requests))
    return spent
