"""lm-eval: tasks with their requests, metrics, and its model.

Prompts, choices, filters, metrics and aggregation are lm-eval's own, so a score is lm-eval's by
construction; the steps below are those of ``lm_eval.evaluator.evaluate`` (0.4.13). This module and
`replay` alone import it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import attrs

from forget.benchmark import Benchmark, TaskFile
from forget.errors import DataError, WorkError
from forget.evaluation.taskfiles import task_folder
from forget.inference.engine import Generate, Request, Score
from forget.metrics.calibration import confidence
from forget.mirror import Mirror

__all__ = [
    "SPLITS",
    "BoundTask",
    "Choice",
    "ScoredDocument",
    "bind",
    "document_digest",
    "hf_model",
    "seed_language_detection",
]

_LENGTHS: Mapping[str, Callable[[str], int]] = {
    "acc": lambda _: 1,
    "acc_norm": len,
    "acc_bytes": lambda choice: len(choice.encode()),
}
"""What lm-eval's metrics of multiple choice normalise the log-likelihood of a choice by."""

SPLITS = ("training_split", "validation_split", "test_split", "fewshot_split")
"""Keys of a task's configuration that name a split."""


class Choice(NamedTuple):
    """The answer to a question of multiple choice.

    Attributes:
        confidence: Its probability among the choices, see `metrics.calibration.confidence`.
        correct: 1 if it is right, else 0.
    """

    confidence: float
    correct: float


@attrs.frozen(kw_only=True)
class ScoredDocument:
    """What lm-eval says of one document of a task.

    Attributes:
        task: The lm-eval task.
        doc_id: The document's index in its split.
        doc_hash: Digest of the document, to pair items of different evaluations.
        metrics: Each metric's value for this document.
        target: The right answer, as text.
        prompt: What the model read (its first request).
        cluster: Digest of what it shares with others, see `Benchmark.cluster`; empty for nothing.
        choice: The choice that the metric which counts takes for the answer; None where it does not
            take one, or several would be right.
    """

    task: str
    doc_id: int
    doc_hash: str
    metrics: Mapping[str, float]
    target: str
    prompt: str
    cluster: str
    choice: Choice | None


@attrs.frozen
class BoundTask:
    """One lm-eval task with its documents and requests, and the benchmark it belongs to."""

    name: str
    task: Any
    benchmark: Benchmark

    def requests(self) -> list[Request]:
        """Return the requests in lm-eval's order."""
        return [_request(instance) for instance in self.task.instances]

    def questions(self) -> list[tuple[str, str, int]]:
        """Return what its items will pair by, see `Item`."""
        documents = {instance.doc_id: instance.doc for instance in self.task.instances}
        return [(self.name, document_digest(doc), doc_id) for doc_id, doc in documents.items()]

    def documents(self) -> int:
        """Count all documents of the split that is scored."""
        return len(self.task.eval_docs)

    def score(self, responses: Sequence[Any]) -> list[ScoredDocument]:
        """Filter the responses and compute each document's metrics, as lm-eval does.

        Args:
            responses: One for each of `requests`, in their order.
        """
        seed_language_detection()
        by_document: dict[int, list[Any]] = {}
        for instance, response in zip(self.task.instances, responses, strict=True):
            answer = tuple(response) if isinstance(response, list) else response
            instance.resps = [answer]
            instance.filtered_resps = {}
            by_document.setdefault(instance.doc_id, []).append(instance)
        self.task.apply_filters()
        return [
            self._document(doc_id, sorted(instances, key=lambda instance: instance.idx))
            for doc_id, instances in by_document.items()
        ]

    def aggregate(self, metric: str, values: Sequence[float]) -> float:
        """Aggregate one metric by lm-eval's own function."""
        return float(self.task.aggregation()[metric](list(values)))

    def _document(self, doc_id: int, instances: list[Any]) -> ScoredDocument:
        doc = instances[0].doc
        # The tasks of our suites have one filter each; its name is of no consequence.
        key = next(iter(instances[0].filtered_resps))
        responses = [i.filtered_resps[key] for i in instances]
        metrics = self.task.process_results(doc, responses)
        return ScoredDocument(
            task=self.name,
            doc_id=doc_id,
            doc_hash=document_digest(doc),
            metrics={name: _number(value) for name, value in metrics.items() if _is_number(value)},
            target=str(self.task.doc_to_target(doc)),
            prompt=str(instances[0].args[0]),
            cluster=self._cluster(doc),
            choice=self._choice(doc, responses, metrics),
        )

    def _cluster(self, doc: Mapping[str, Any]) -> str:
        field = self.benchmark.cluster
        shared = None if field is None else doc[field]
        return "" if shared is None else document_digest(shared)

    def _choice(
        self, doc: Mapping[str, Any], responses: Sequence[Any], metrics: Mapping[str, float]
    ) -> Choice | None:
        metric = self.benchmark.metric
        length = _LENGTHS.get(metric)
        if length is None or not _takes_one_choice(self.task):
            return None
        lengths = [length(choice) for choice in self.task.doc_to_choice(doc)]
        # Behind the choices' there may be log-likelihoods of the same without a question.
        log_likelihoods = [value for value, _ in responses[: len(lengths)]]
        return Choice(confidence(log_likelihoods, lengths), float(metrics[metric]))


def bind(benchmark: Benchmark, mirror: Mirror, limit: int | None) -> list[BoundTask]:
    """Build the lm-eval tasks of a benchmark and their requests.

    Args:
        benchmark: The benchmark.
        mirror: Where its documents come from.
        limit: At most this many items; over several tasks they are spread evenly.

    Raises:
        DataError: A task's data cannot be loaded, or have no field of the name that the benchmark
            is clustered by.
    """
    quotas = _quotas(limit, len(benchmark.tasks))
    return [
        _bound(file.name, _build(file, mirror, quota), benchmark)
        for file, quota in zip(benchmark.tasks, quotas, strict=True)
        if quota != 0
    ]


def hf_model(model: Any, tokenizer: Any, batch_size: int) -> Any:
    """Wrap a loaded model in lm-eval's own ``hf`` model."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch_size)


def _quotas(limit: int | None, tasks: int) -> list[int | None]:
    """Share `limit` items out over tasks, differing by one at most, spread over the list."""
    if limit is None:
        return [None] * tasks
    return [(i + 1) * limit // tasks - i * limit // tasks for i in range(tasks)]


def _build(file: TaskFile, mirror: Mirror, limit: int | None) -> Any:
    _show_nltk(mirror)
    from lm_eval.api.task import ConfigurableTask
    from lm_eval.tasks._yaml_loader import load_yaml

    try:
        config = load_yaml(task_folder() / file.path)
        config.update({"task": file.name, "num_fewshot": 0})
        if file.mirror and mirror.root is not None:
            config.update(_local_data(config, file, mirror))
        with _without_advice():
            task = ConfigurableTask(config=config)
        task.build_all_requests(limit=limit, rank=0, world_size=1)
    except DataError:
        raise
    except Exception as error:  # datasets, the Hub client and task code raise anything
        raise DataError(_loading_failed(file, mirror, error)) from error
    if not task.instances:
        raise DataError(f"The lm-eval task {file.name!r} has no documents.")
    return task


def _bound(name: str, task: Any, benchmark: Benchmark) -> BoundTask:
    fields = sorted(task.instances[0].doc)
    if benchmark.cluster is not None and benchmark.cluster not in fields:
        raise DataError(
            f"The benchmark {benchmark.name!r} is clustered by the field {benchmark.cluster!r}, "
            f"which documents of the lm-eval task {name!r} do not have: they have "
            f"{', '.join(fields)}. Its plugin must name one of these as `cluster`, or none."
        )
    return BoundTask(name, task, benchmark)


def _takes_one_choice(task: Any) -> bool:
    """Say whether lm-eval's own code marks one choice as right or wrong.

    TruthfulQA MC2 is marked by the mass of all true answers: there is no choice to be sure of.
    """
    own = callable(task.config.process_results)
    return task.OUTPUT_TYPE == "multiple_choice" and not own and not task.multiple_target


def seed_language_detection() -> None:
    """Have IFEval's detector of languages answer alike for equal texts: it draws at random."""
    if "langdetect" in sys.modules:
        sys.modules["langdetect"].DetectorFactory.seed = 0


@contextmanager
def _without_advice() -> Iterator[None]:
    """Keep lm-eval from advising on its own command line where documents come from a function."""
    logger = logging.getLogger("lm_eval.api.task")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _show_nltk(mirror: Mirror) -> None:
    """Let NLTK find the mirror's data: lm-eval's IFEval looks for it when its task file is read."""
    if mirror.nltk_data is None:
        return
    folder = str(mirror.nltk_data)
    os.environ["NLTK_DATA"] = folder
    if "nltk" in sys.modules:  # it has read the variable already
        paths = sys.modules["nltk"].data.path
        if folder not in paths:
            paths.insert(0, folder)


def _local_data(config: Mapping[str, Any], file: TaskFile, mirror: Mirror) -> dict[str, Any]:
    """Have a task read parquet files; splits that have none must be unset, or lm-eval fails."""
    paths = {split: mirror.file(path, file.name) for split, path in file.mirror.items()}

    def read(**_: Any) -> dict[str, Any]:
        # Not by `load_dataset`, which keeps its own copy and knows a file by path and time alone.
        import pyarrow.parquet as pq
        from datasets import Dataset
        from datasets.table import InMemoryTable

        return {name: Dataset(InMemoryTable(pq.read_table(path))) for name, path in paths.items()}

    unset = {key: None for key in SPLITS if config.get(key) not in paths}
    return {"custom_dataset": read, "dataset_kwargs": None, **unset}


def _loading_failed(file: TaskFile, mirror: Mirror, error: Exception) -> str:
    where = f"from the data mirror {mirror.root}" if mirror.root else "from the Hugging Face Hub"
    reason = " ".join(str(error).split())[:300]
    advice = (
        "Check the files named there."
        if mirror.root
        else "Check the network, or give a data mirror with --data or FORGET_DATA."
    )
    source = where if file.mirror else f"from {file.path.name}"
    return (
        f"The lm-eval task {file.name!r} could not be loaded {source}: "
        f"{type(error).__name__}: {reason}. {advice}"
    )


def _request(instance: Any) -> Request:
    if instance.request_type == "loglikelihood":
        context, continuation = instance.args
        return Score(context, continuation)
    if instance.request_type == "generate_until":
        prompt, options = instance.args
        return Generate(prompt, options)
    raise WorkError(
        f"The lm-eval task {instance.task_name!r} asks for {instance.request_type!r}, which no "
        "engine answers yet: use tasks of multiple choice, loglikelihood or generate_until."
    )


def document_digest(doc: Any) -> str:
    """Return the digest that items pair by; the same for a document read back from JSON."""
    text = json.dumps(doc, sort_keys=True, default=str, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _is_number(value: Any) -> bool:
    return isinstance(value, bool | int | float) or hasattr(value, "__float__")


def _number(value: Any) -> float:
    return float(value)
