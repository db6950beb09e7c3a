"""Whether datasets and benchmarks can be read, asked and marked, with all that this needs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forget.benchmark import Benchmark
from forget.dataset import Dataset
from forget.doctor.diagnosis import Found
from forget.doctor.models import Models
from forget.doctor.network import is_offline
from forget.errors import DataError
from forget.evaluation.exam import BenchmarkExam, TaskExam
from forget.inference.engine import Complete, Generate, Request, Score
from forget.mirror import Mirror

__all__ = ["look_at_benchmark", "look_at_dataset", "look_at_nltk"]

_FEW = 4
"""Items that are asked and marked: reading is proved by all of them, the rest by these."""

_WRITTEN = "I think so. The answer is 42. Here is why: it is what it is!"


def look_at_dataset(dataset: Dataset, mirror: Mirror, models: Models) -> Found:
    """Load both splits, ask a few held-out questions of each model, and grade solutions to them.

    Args:
        dataset: The dataset, as it is trained on.
        mirror: Where its rows come from.
        models: The models that are whole.

    Raises:
        DataError: A split cannot be read, or is empty.
    """
    train, test = dataset.load("train", mirror), dataset.load("test", mirror)
    for name, examples in (("train", train), ("test", test)):
        if not examples:
            raise DataError(f"The {name} split of {dataset.name} has no example.")
    exam = TaskExam(dataset, mirror, min(_FEW, len(test)))
    for folder in models.folders.values():
        exam.requests(folder)
    exam.mark(
        [
            {"text": example.solution or example.answer, "finished": True, "tokens": 1}
            for example in test[:_FEW]
        ]
    )
    return Found(
        f"{len(train):,} examples to train on and {len(test):,} held out, all read; "
        f"{_asked(min(_FEW, len(test)), models)}"
    )


def look_at_benchmark(exam: BenchmarkExam, models: Models) -> Found:
    """Read all documents, and put a few items of each task through what evaluation does to them.

    Where the model writes, all items are marked: different ones need different parts of a metric.

    Args:
        exam: The benchmark.
        models: The models that are whole.

    Raises:
        DataError: A file is missing or corrupt, or the task cannot be loaded.
    """
    benchmark = exam.benchmark
    exam.check()
    limit = None if benchmark.kind == "generation" else max(_FEW, len(benchmark.tasks))
    tried = BenchmarkExam(benchmark, exam.mirror, limit)
    requests = tried.requests(Path())
    _tokenise(requests, models)
    marked = len(tried.mark([_answer(index, r) for index, r in enumerate(requests)]).items)
    there = tried.documents()
    text = f"{there:,} items read; {_asked(marked, models)}"
    if there == benchmark.items:
        return Found(text)
    return Found(
        f"{text}; {benchmark.items:,} items are published",
        "note",
        "scores are not comparable with published ones: fetch the whole benchmark",
    )


def look_at_nltk(path: str, benchmark: Benchmark, mirror: Mirror) -> Found:
    """Look for a piece of NLTK's data.

    Raises:
        DataError: It is not there, and will not be fetched by itself.
    """
    folder = mirror.nltk_folder(path)
    if folder is not None:
        return Found(f"in {folder}")
    mirror.check_nltk([path], benchmark.name)  # says where it was looked for
    return Found(
        "in none of NLTK's folders",
        "problem" if is_offline() else "note",
        "" if is_offline() else "the first use fetches it",
        f"python -m nltk.downloader {Path(path).name}",
    )


def _asked(items: int, models: Models) -> str:
    """Say what was proved of some items; without a model there is no tokenizer to ask."""
    if not models.tokenizers:
        return f"{items:,} of them marked, none tokenised: no model is here"
    return f"{items:,} of them tokenised for {', '.join(models.tokenizers)} and marked"


def _tokenise(requests: Sequence[Request], models: Models) -> None:
    from forget.inference.tokens import context_window, encode_prompts, encode_scores

    scores = [request for request in requests if isinstance(request, Score)]
    prompts = [request.prompt for request in requests if isinstance(request, Generate | Complete)]
    for name, tokenizer in models.tokenizers.items():
        encode_scores(tokenizer, scores, context_window(models.folders[name], tokenizer))
        encode_prompts(tokenizer, prompts, None, special=True)


def _answer(index: int, request: Request) -> Any:
    """Make up what a model might answer; no two choices of a question are equally likely."""
    return [-1.0 - index % 7, False] if isinstance(request, Score) else _WRITTEN
