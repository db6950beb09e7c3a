"""What there is to score: a benchmark, or the held-out split of the trained dataset."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import attrs

from forget.benchmark import Benchmark
from forget.completion import Completion, Sampling
from forget.convert import to_plain
from forget.dataset import Dataset
from forget.evaluation.details import choice_details, text_details
from forget.evaluation.harness import BoundTask, ScoredDocument, bind
from forget.evaluation.items import Item
from forget.evaluation.taskfiles import task_sources
from forget.evaluation.verifiers import verifier_digest
from forget.inference.chat import render_prompt
from forget.inference.engine import Complete, Request
from forget.inference.machine import package_version
from forget.mirror import Mirror, check_parquet

__all__ = ["BenchmarkExam", "Exam", "Marked", "TaskExam"]


class Marked(NamedTuple):
    """The result of an exam: its items, and what else is worth knowing of it."""

    items: list[Item]
    score: float
    details: dict[str, Any]


class Exam(Protocol):
    """Something to score a model on."""

    @property
    def name(self) -> str:
        """The name in tables."""
        ...

    @property
    def metric(self) -> str:
        """The metric that counts."""
        ...

    def key(self) -> str:
        """Return name and hash: the same key means the same questions and the same marking.

        Computed from definitions and data files alone, so that it is known without loading them.
        """
        ...

    def check(self) -> None:
        """Read the data through, so that damage is found before anything is written.

        Raises:
            DataError: A file is corrupt.
        """
        ...

    def requests(self, tokenizer_folder: Path) -> list[Request]:
        """Return what the model is asked; loads the data on first use."""
        ...

    def mark(self, responses: Sequence[Any], tokenizer_folder: Path | None = None) -> Marked:
        """Score the responses to `requests`, given in their order.

        Args:
            responses: What a model answered.
            tokenizer_folder: Where its tokenizer is; without it, lengths of texts stay unknown
                where the responses do not tell them.
        """
        ...


@attrs.define
class BenchmarkExam:
    """A benchmark, marked by lm-eval."""

    benchmark: Benchmark
    mirror: Mirror
    limit: int | None
    _tasks: list[BoundTask] | None = None
    _key: str | None = None

    @property
    def name(self) -> str:
        """The benchmark's name."""
        return self.benchmark.name

    @property
    def metric(self) -> str:
        """The benchmark's metric."""
        return self.benchmark.metric

    def key(self) -> str:
        """See `Exam.key`: task files, documents, limit and lm-eval's version count."""
        if self._key is None:  # asked for by every model of a sweep, and it reads all the data
            self._key = f"{self.name}-{_hash(self._identity())}"
        return self._key

    def check(self) -> None:
        """See `Exam.check`."""
        for file in self.benchmark.tasks:
            if self.mirror.root is not None:
                what = f"lm-eval's {file.name}"
                for relative in file.mirror.values():
                    check_parquet(self.mirror.file(relative, what), what)
        self.mirror.check_nltk(self.benchmark.nltk, self.name)

    def requests(self, tokenizer_folder: Path) -> list[Request]:
        """See `Exam.requests`; the tokenizer does not matter: prompts are plain text."""
        return [request for task in self._bound() for request in task.requests()]

    def questions(self) -> list[tuple[str, str, int]]:
        """Return what its items will pair by, see `Item`; loads the data on first use."""
        return [question for task in self._bound() for question in task.questions()]

    def documents(self) -> int:
        """Count the documents of its tasks, whatever the limit leaves of them."""
        return sum(task.documents() for task in self._bound())

    def mark(self, responses: Sequence[Any], tokenizer_folder: Path | None = None) -> Marked:
        """See `Exam.mark`; several tasks are averaged weighted by size, as lm-eval's groups."""
        items: list[Item] = []
        marked: list[ScoredDocument] = []
        total, start = 0.0, 0
        for task in self._bound():
            stop = start + len(task.requests())
            documents = task.score(responses[start:stop])
            marked += documents
            values = [document.metrics[self.metric] for document in documents]
            total += task.aggregate(self.metric, values) * len(values)
            items += [
                Item(
                    task=document.task,
                    doc_id=document.doc_id,
                    doc_hash=document.doc_hash,
                    score=document.metrics[self.metric],
                    metrics=dict(document.metrics),
                    prompt=document.prompt,
                    target=document.target,
                    response=response,
                    cluster=document.cluster,
                )
                for document, response in zip(
                    documents, _by_document(task, responses[start:stop]), strict=True
                )
            ]
            start = stop
        details: dict[str, Any] = {"required_items": self.benchmark.items}
        if all(isinstance(response, str) for response in responses):
            details |= text_details(responses, _token_counts(responses, tokenizer_folder))
        else:
            details |= choice_details(marked)
        return Marked(items, total / len(items), details)

    def _identity(self) -> list[Any]:
        definition = to_plain(self.benchmark)
        del definition["cluster"]  # how sure one is of a score changes neither questions nor marks
        parts = [definition, self.limit, package_version("lm-eval")]
        for file in self.benchmark.tasks:
            parts += [source.read_text(encoding="utf-8") for source in task_sources(file.path)]
            parts += [
                self.mirror.file_identity(relative, f"lm-eval's {file.name}")
                for relative in file.mirror.values()
            ]
        return _relocatable(parts)

    def _bound(self) -> list[BoundTask]:
        if self._tasks is None:
            self._tasks = bind(self.benchmark, self.mirror, self.limit)
        return self._tasks


@attrs.define
class TaskExam:
    """Task accuracy: the dataset's held-out split, greedy, graded by its verifier."""

    dataset: Dataset
    mirror: Mirror
    limit: int | None
    _examples: list[Any] | None = None
    _key: str | None = None

    @property
    def name(self) -> str:
        """The exam's name: ``task:gsm8k``."""
        return f"task:{self.dataset.name}"

    @property
    def metric(self) -> str:
        """The verifier's share of correct completions."""
        return "accuracy"

    def key(self) -> str:
        """See `Exam.key`: the questions as they are asked, limits and the verifier's code count."""
        if self._key is None:
            asked = [[e.id, self.dataset.prompt(e), e.answer] for e in self._held_out()]
            marked = verifier_digest(self.dataset)
            identity = _hash([asked, self.dataset.max_new_tokens, marked])
            self._key = f"task-{self.dataset.name}-{identity}"
        return self._key

    def check(self) -> None:
        """See `Exam.check`."""
        self._held_out()

    def requests(self, tokenizer_folder: Path) -> list[Request]:
        """See `Exam.requests`; prompts are rendered by the model's own chat template."""
        from forget.inference.loading import load_tokenizer

        tokenizer = load_tokenizer(tokenizer_folder)
        sampling = Sampling(max_new_tokens=self.dataset.max_new_tokens)
        return [
            Complete(render_prompt(tokenizer, self.dataset.prompt(example)), sampling)
            for example in self._held_out()
        ]

    def mark(self, responses: Sequence[Any], tokenizer_folder: Path | None = None) -> Marked:
        """See `Exam.mark`; the truncation rate stands beside the accuracy, always."""
        items = []
        for index, (example, response) in enumerate(zip(self._held_out(), responses, strict=True)):
            verdict = self.dataset.verify(example, Completion(**response))
            items.append(
                Item(
                    task=self.name,
                    doc_id=index,
                    doc_hash=_hash([example.id, example.question]),
                    score=float(verdict.correct),
                    metrics={
                        "accuracy": float(verdict.correct),
                        "truncated": float(verdict.truncated),
                        "tokens": float(response["tokens"]),
                    },
                    prompt=example.question,
                    target=example.answer,
                    response=[response["text"], verdict.reason],
                )
            )
        return Marked(
            items,
            _mean([item.score for item in items]),
            {
                "truncation_rate": _mean([item.metrics["truncated"] for item in items]),
                **text_details(
                    [response["text"] for response in responses],
                    [response["tokens"] for response in responses],
                ),
            },
        )

    def _held_out(self) -> list[Any]:
        if self._examples is None:
            examples = self.dataset.load("test", self.mirror)
            self._examples = list(examples[: self.limit])
        return self._examples


def _by_document(task: BoundTask, responses: Sequence[Any]) -> list[list[Any]]:
    """Group a task's responses by document, in the order of the documents."""
    grouped: dict[int, list[Any]] = {}
    for instance, response in zip(task.task.instances, responses, strict=True):
        grouped.setdefault(instance.doc_id, []).append(response)
    return list(grouped.values())


def _token_counts(texts: Sequence[str], tokenizer_folder: Path | None) -> list[int] | None:
    """Count the tokens of texts of which nothing else is known; None without a tokenizer."""
    from forget.inference.loading import load_tokenizer

    if tokenizer_folder is None:
        return None
    encoded = load_tokenizer(tokenizer_folder)(list(texts), add_special_tokens=False)
    return [len(tokens) for tokens in encoded["input_ids"]]


def _relocatable(parts: list[Any]) -> list[Any]:
    """Take the machine's folders out of task paths: the same task elsewhere has the same key."""
    plain = json.loads(json.dumps(parts))
    for task in plain[0]["tasks"]:
        task["path"] = Path(task["path"]).name
    return list(plain)


def _hash(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
