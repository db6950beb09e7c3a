"""Results of lm-eval's own, made of answers that are there already.

lm-eval's evaluator asks a model that reads the answers out, so its results are its own to the last
key: scores, standard errors, groups, samples. `harness` and this module alone import lm-eval.
"""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.benchmark import Benchmark, TaskFile
from forget.errors import DataError, StorageError
from forget.evaluation.harness import (
    SPLITS,
    BoundTask,
    bind,
    document_digest,
    seed_language_detection,
)
from forget.evaluation.items import Item
from forget.evaluation.taskfiles import task_folder
from forget.mirror import Mirror

__all__ = ["Answered", "Replayed", "replay", "write_results"]

_ROUNDING = 1e-6


@attrs.frozen(kw_only=True)
class Answered:
    """What a model has answered to one benchmark.

    Attributes:
        benchmark: The benchmark.
        items: Its items, with the answers.
        score: The score that was computed of them.
    """

    benchmark: Benchmark
    items: Sequence[Item]
    score: float


@attrs.frozen(kw_only=True)
class Replayed:
    """A model by the names that lm-eval has for such things.

    Attributes:
        name: What the model is called.
        fingerprint: The engine's that has answered.
        seconds: What answering took.
        finished: When it was done, in seconds since 1970.
        limit: Items of each benchmark; None for all.
    """

    name: str
    fingerprint: Mapping[str, str]
    seconds: float
    finished: float
    limit: int | None


def replay(answered: Sequence[Answered], mirror: Mirror) -> dict[str, Any]:
    """Return what ``lm_eval.evaluator.evaluate`` says of answers, samples included.

    Args:
        answered: The benchmarks.
        mirror: Where their documents come from.

    Raises:
        DataError: The documents are not those that were asked, or the marks are others.
    """
    from lm_eval.evaluator import evaluate

    tasks: dict[Any, Any] = {}
    samples: dict[str, list[int]] = {}
    files: dict[str, TaskFile] = {}
    answers: dict[str, list[list[Any]]] = {}
    for one in answered:
        own = _own_tasks(one, mirror)
        members = {bound.name: bound.task for bound in own}
        tasks |= {_group(one.benchmark, members): members} if len(members) > 1 else members
        files |= {file.name: file for file in one.benchmark.tasks}
        for bound in own:
            found = _in_order(bound, one)
            answers[bound.name] = [item.response for item in found]
            if len(found) < bound.documents():
                samples[bound.name] = [item.doc_id for item in found]
    seed_language_detection()
    results: dict[str, Any] = evaluate(lm=_reader(answers), task_dict=tasks, samples=samples)
    for one in answered:
        _check_score(one, results)
    configs = results["configs"]
    results["configs"] = {name: _published(files[name], c) for name, c in configs.items()}
    return results


def write_results(folder: Path, results: dict[str, Any], model: Replayed) -> list[Path]:
    """Write results by lm-eval's own tracker, as ``--output_path FOLDER --log_samples`` does.

    Args:
        folder: Where the model gets a folder of its own.
        results: What `replay` returned.
        model: Whose results they are.

    Returns:
        The files; the results come last.

    Raises:
        StorageError: They could not be written.
    """
    from lm_eval.loggers import EvaluationTracker

    samples = results.pop("samples")
    results |= _said_of(model)
    tracker = EvaluationTracker(output_path=str(folder))
    known = tracker.general_config_tracker
    config = results["config"]
    known.log_experiment_args(
        model_source=config["model"],
        model_args=config["model_args"],
        system_instruction=None,
        chat_template=None,
        fewshot_as_multiturn=True,  # its default, which says nothing where there are no examples
    )
    known.start_time = time.perf_counter() - model.seconds
    tracker.save_results_aggregated(results=results, samples=samples)
    for name in results["configs"]:
        tracker.save_results_samples(task_name=name, samples=samples[name])
    made = folder / str(known.model_name_sanitized)
    # It says of a failure in its log alone.
    lines: dict[Path, int | None] = {
        made / f"samples_{name}_{tracker.date_id}.jsonl": len(samples[name])
        for name in results["configs"]
    }
    lines[made / f"results_{tracker.date_id}.json"] = None
    bad = [file for file, count in lines.items() if not _is_whole(file, count)]
    if bad:
        raise StorageError(
            f"lm-eval could not write {bad[0]}: see the log. Free some space, or name another "
            "folder, and run the command again."
        )
    return list(lines)


def _is_whole(file: Path, lines: int | None) -> bool:
    """Say whether a file has so many lines; None: whether it is a document of JSON."""
    try:
        text = file.read_text("utf-8")
        return bool(json.loads(text)) if lines is None else text.count("\n") == lines
    except (OSError, ValueError):
        return False


def _own_tasks(one: Answered, mirror: Mirror) -> list[BoundTask]:
    """Return those tasks of a benchmark that have items."""
    asked = {item.task for item in one.items}
    return [bound for bound in bind(one.benchmark, mirror, None) if bound.name in asked]


def _group(benchmark: Benchmark, members: Mapping[str, Any]) -> Any:
    """Return the group of a benchmark of several tasks, averaged as its score is."""
    from lm_eval.api.group import Group
    from lm_eval.config.group import AggMetricConfig

    mean = AggMetricConfig(metric=benchmark.metric, aggregation="mean", weight_by_size=True)
    group = Group(name=benchmark.name, aggregate_metric_list=[mean])
    for task in members.values():
        group.add(task)
    return _hashable(group)


def _hashable(group: Any) -> Any:
    """Let a group be the key of a table, as lm-eval's evaluator takes it: dataclasses may not."""
    kind = type(group)
    by_identity = type(kind.__name__, (kind,), {"__hash__": object.__hash__})
    group.__class__ = by_identity
    return group


def _in_order(bound: BoundTask, one: Answered) -> list[Item]:
    """Return the items of a task in the order of its documents.

    Raises:
        DataError: A document is not the one that was asked.
    """
    documents = dict(bound.task.doc_iterator())
    found = sorted((i for i in one.items if i.task == bound.name), key=lambda item: item.doc_id)
    for item in found:
        asked = documents.get(item.doc_id)
        if asked is None or document_digest(asked) != item.doc_hash:
            raise DataError(
                f"Document {item.doc_id} of the lm-eval task {bound.name!r} is not the one that "
                "was asked: its data have changed since. Name the data mirror of the evaluation "
                "with --data or FORGET_DATA, or evaluate again."
            )
    return found


def _published(file: TaskFile, config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a task's configuration as it is published, wherever its documents were read from.

    Args:
        file: The task.
        config: What lm-eval says of it, which here may read a data mirror.
    """
    from lm_eval.tasks._yaml_loader import load_yaml

    if not file.mirror:
        return dict(config)
    published = load_yaml(task_folder() / file.path)
    local = ("custom_dataset", "dataset_kwargs", *SPLITS)
    return {
        **{name: value for name, value in config.items() if name not in local},
        **{name: published[name] for name in local if published.get(name) is not None},
    }


def _check_score(one: Answered, results: Mapping[str, Any]) -> None:
    name = one.benchmark.name if len(one.benchmark.tasks) > 1 else one.benchmark.tasks[0].name
    scores = results["results"].get(name) or results["results"][one.items[0].task]
    [score] = [v for key, v in scores.items() if key.partition(",")[0] == one.benchmark.metric]
    if abs(score - one.score) > _ROUNDING:
        raise DataError(
            f"The installed lm-eval gives {score:.6g} for the answers to {one.benchmark.name}, "
            f"whose score is {one.score:.6g}: its version is another than the evaluation's. "
            "Evaluate again with this one."
        )


def _reader(answers: Mapping[str, Sequence[Sequence[Any]]]) -> Any:
    """Return a model that answers each request with what was answered to it before."""
    from lm_eval.api.model import LM

    class Reader(LM):  # type: ignore[misc]
        def loglikelihood(self, requests: Any) -> list[Any]:
            return [(float(log_p), bool(greedy)) for log_p, greedy in _read(requests, answers)]

        def generate_until(self, requests: Any) -> list[Any]:
            return list(_read(requests, answers))

        def loglikelihood_rolling(self, requests: Any) -> list[Any]:
            raise NotImplementedError("no engine answers such requests")

    return Reader()


def _read(requests: Sequence[Any], answers: Mapping[str, Sequence[Sequence[Any]]]) -> list[Any]:
    """Return the answers to requests; those of a document come in the order of its requests."""
    seen: dict[tuple[str, int], int] = defaultdict(int)
    found = []
    for request in requests:
        place = (request.task_name, request.doc_id)
        found.append(answers[request.task_name][request.doc_id][seen[place]])
        seen[place] += 1
    return found


def _said_of(model: Replayed) -> dict[str, Any]:
    """Return what ``lm_eval.evaluator.simple_evaluate`` adds, as far as it is known."""
    used = model.fingerprint
    cuda = used["device"] == "cuda"
    gpu = f"\nGPU models and configuration: GPU 0: {used['device_name']}" if cuda else ""
    return {
        "config": {
            "model": {"stock": "hf"}.get(used["engine"], used["engine"]),
            "model_args": {
                "pretrained": model.name,
                "dtype": used["dtype"],
                "attn_implementation": used.get("attention", ""),
            },
            "model_dtype": f"torch.{used['dtype']}",
            "batch_size": used.get("batch_size"),
            "batch_sizes": [],
            "device": used["device"],
            "use_cache": None,
            "limit": None
            if model.limit is None
            else float(model.limit),  # as its command line has it
            "bootstrap_iters": 100000,
            "gen_kwargs": None,
            "random_seed": None,
            "numpy_seed": None,
            "torch_seed": None,
            "fewshot_seed": None,
        },
        "git_hash": None,
        "date": model.finished,
        "pretty_env_info": f"PyTorch version: {used['torch']}\nIs CUDA available: {cuda}{gpu}",
        "transformers_version": used["transformers"],
        "lm_eval_version": used["lm-eval"],
        "upper_git_hash": None,
    }
