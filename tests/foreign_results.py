"""Results of lm-eval with samples: written by hand in its format, or by lm-eval itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from forget_benchmarks import mini

__all__ = ["DATE", "lm_eval_by_hand", "make_results", "make_sample"]

DATE = "2026-11-28T10-00-00.000000"

Values = Mapping[str, Sequence[Any]]
"""Metric to its value for each item."""


def make_sample(
    task: str, index: int, metrics: Mapping[str, Any], **changes: Any
) -> dict[str, Any]:
    """Return a sample as lm-eval 0.4.13 writes it."""
    question = f"Is {index} in {task}?"
    return {
        "doc_id": index,
        "doc": {"question": question, "answer": 0},
        "target": "0",
        "arguments": {
            "gen_args_0": {"arg_0": question, "arg_1": " yes"},
            "gen_args_1": {"arg_0": question, "arg_1": " no"},
        },
        "resps": [[["-1.5", "True"]], [["-2.5", "False"]]],
        "filtered_resps": [["-1.5", "True"], ["-2.5", "False"]],
        "filter": "none",
        "metrics": list(metrics),
        "doc_hash": "d",
        "prompt_hash": "p",
        "target_hash": "t",
        **metrics,
        **changes,
    }


def make_results(
    folder: Path,
    tasks: Mapping[str, Values],
    *,
    groups: Mapping[str, tuple[Sequence[str], float]] | None = None,
    date: str = DATE,
    **changes: Any,
) -> Path:
    """Write a results file of lm-eval's with its samples beside it; return the results file.

    Args:
        folder: Where to.
        tasks: Task to metric to its values.
        groups: Group to its members and its `acc`.
        date: The date in the names of the files.
        changes: Keys of the results file; those of `config` are laid over what is there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    groups = groups or {}
    scores = {task: _scores(values) for task, values in tasks.items()}
    scores |= {name: {"acc,none": score} for name, (_, score) in groups.items()}
    config = {
        "model": "hf",
        "model_args": {"pretrained": "some/model", "dtype": "float32"},
        "model_dtype": "torch.float32",
        "batch_size": 16,
        "device": "cpu",
        "limit": None,
        **changes.pop("config", {}),
    }
    results = {
        "results": scores,
        "group_subtasks": {name: list(members) for name, (members, _) in groups.items()},
        "configs": {task: _config(task) for task in tasks},
        "versions": dict.fromkeys(tasks, 1.0),
        "n-shot": dict.fromkeys(tasks, 0),
        "higher_is_better": {task: dict.fromkeys(values, True) for task, values in tasks.items()},
        "n-samples": {
            task: {"original": 100, "effective": _count(values)} for task, values in tasks.items()
        },
        "config": config,
        "pretty_env_info": "PyTorch version: 2.13.0+cpu\nIs CUDA available: False",
        "transformers_version": "5.17.0",
        "lm_eval_version": "0.4.13",
        "model_name": "some/model",
        "system_instruction": None,
        "system_instruction_sha": None,
        "fewshot_as_multiturn": True,
        "chat_template": None,
        "chat_template_sha": None,
        **changes,
    }
    file = folder / f"results_{date}.json"
    file.write_text(json.dumps(results))
    for task, values in tasks.items():
        rows = [
            make_sample(task, index, {name: found[index] for name, found in values.items()})
            for index in range(_count(values))
        ]
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (folder / f"samples_{task}_{date}.jsonl").write_text(lines)
    return file


def _count(values: Values) -> int:
    return len(next(iter(values.values())))


def _scores(values: Values) -> dict[str, Any]:
    numbers = {name: v for name, v in values.items() if all(isinstance(x, int | float) for x in v)}
    return {f"{name},none": sum(v) / len(v) for name, v in numbers.items()}


def _config(task: str) -> dict[str, Any]:
    return {
        "task": task,
        "output_type": "multiple_choice",
        "metric_list": [{"metric": "acc"}],
        "repeats": 1,
    }


def lm_eval_by_hand(
    model: Path,
    out: Path,
    tasks: Sequence[str],
    *,
    include: Sequence[Path] = (),
    **options: Any,
) -> Path:
    """Evaluate as ``lm_eval --output_path OUT --log_samples`` does; return the model's folder.

    Args:
        model: A model folder.
        out: The output folder.
        tasks: Tasks and groups.
        include: Folders of task files, besides those of the suite `mini`.
        options: More arguments of it.
    """
    from lm_eval import simple_evaluate
    from lm_eval.loggers import EvaluationTracker
    from lm_eval.tasks import TaskManager

    tracker = EvaluationTracker(output_path=str(out))
    folders = [str(Path(mini.__file__).parent), *map(str, include)]
    arguments: dict[str, Any] = {
        "model": "hf",
        "model_args": {"pretrained": str(model), "dtype": "float32"},
        "tasks": list(tasks),
        "num_fewshot": 0,
        "batch_size": 16,
        "device": "cpu",
        "log_samples": True,
        "bootstrap_iters": 0,
        "task_manager": TaskManager(include_path=folders, include_defaults=False),
        "evaluation_tracker": tracker,
        **options,
    }
    results = simple_evaluate(**arguments)
    samples = results.pop("samples")
    tracker.save_results_aggregated(results=results, samples=samples)
    for task in results["configs"]:
        tracker.save_results_samples(task_name=task, samples=samples[task])
    [folder] = out.iterdir()
    return folder
