"""What a full report takes for a study of ten million answers.

    python benchmarks/report.py [--checkpoints 16] [--out FOLDER] [--only-make]

The folder holds 18 runs (three datasets, six methods) of 16 checkpoints on the ten benchmarks of
the study, 35,865 items each, with prompts and answers of the usual length. The answers are made
up: each method has a rate at which items change with its steps, and a share of them that is lost.
Timed is the whole command with page, figures and tables, the start of the interpreter included;
the memory is the most that its process had.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import attrs
import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from forget.benchmark import Benchmark
from forget.evaluation.record import ModelLine, SweepRecord, write_record
from forget.plugins import load_plugins
from forget.store import runfile
from forget.store.atomic import write_json, write_text
from forget.store.layout import Workspace, checkpoint_name
from forget.store.manifest import seal

DATASETS = ("gsm8k", "math", "triviaqa")
METHODS = {
    "gt-sft": (0.10, 0.60),
    "sf-sft": (0.07, 0.57),
    "cf-sft": (0.09, 0.58),
    "grpo": (0.03, 0.51),
    "spin": (0.05, 0.53),
    "pi": (0.04, 0.50),
}
"""Share of the items that change by the last step, and share of those that are lost."""

LENGTHS = {"mmlu": 560, "hellaswag": 330, "boolq": 780, "ifeval": 210, "piqa": 90}
"""Characters of a prompt; other benchmarks have 160."""

TASK_ITEMS = 1_319


@attrs.frozen
class Quiz:
    """Items of an exam, and the base model's answers to them."""

    name: str
    metric: str
    items: int
    keys: pa.Table
    base: NDArray[np.float64]
    graded: bool


@click.command(help=__doc__)
@click.option("--checkpoints", default=16, show_default=True, help="Of each run.")
@click.option("--items", default=1.0, show_default=True, help="Share of the benchmarks' items.")
@click.option("--out", type=click.Path(path_type=Path), help="Make the folder here and keep it.")
@click.option("--only-make", is_flag=True, help="Make the folder and time nothing.")
def main(checkpoints: int, items: float, out: Path | None, only_make: bool) -> None:
    with ExitStack() as stack:
        out = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        if not (out / "runs").is_dir():
            started = time.perf_counter()
            scored = make_folder(out, checkpoints, items)
            click.echo(f"made {scored:,} answers in {time.perf_counter() - started:.0f} s")
        if not only_make:
            measure(out)


def measure(out: Path) -> None:
    target = out / "report"
    command = [sys.executable, "-m", "forget", "report", "--out", str(out)]
    command += ["--html", f"{target}/report.html", "--figures", f"{target}/figures"]
    command += ["--tables", f"{target}/tables", "--razor"]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    seconds = time.perf_counter() - started
    gb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    size = (target / "report.html").stat().st_size / 1e6
    click.echo(f"report: {seconds:.1f} s, {gb:.2f} GB of memory, page of {size:.2f} MB")


def make_folder(out: Path, checkpoints: int, share: float) -> int:
    random = np.random.default_rng(0)
    provided = load_plugins().all("benchmarks")
    benchmarks = [one.record for one in provided.values() if not one.record.name.startswith("mini")]
    words = _words(random)
    quizzes = [_quiz(benchmark, share, words, random) for benchmark in benchmarks]
    workspace = Workspace(out)
    total = sum(_answer_all(workspace, "base", quiz, quiz.base, random) for quiz in quizzes)
    for dataset in DATASETS:
        task = _task(dataset, share, words, random)
        _answer_all(workspace, "base", task, task.base, random)
        for method in METHODS:
            run = (dataset, method)
            total += _make_run(workspace, run, [*quizzes, task], checkpoints, random)
    return total


def _make_run(
    workspace: Workspace,
    run: tuple[str, str],
    quizzes: list[Quiz],
    checkpoints: int,
    random: np.random.Generator,
) -> int:
    dataset, method = run
    change, lost = METHODS[method]
    folder = workspace.run("large", "qwen3-1.7b", dataset, method, 0)
    lines, total = [], 0
    luck = {quiz.name: random.random(quiz.items) for quiz in quizzes}
    side = {quiz.name: random.random(quiz.items) for quiz in quizzes}
    for number in range(1, checkpoints + 1):
        step, progress = 100 * number, (number / checkpoints) ** 0.5
        digest = f"{method}-{dataset}-{step}"
        for quiz in quizzes:
            fallen = 1 - lost if quiz.name.startswith("task:") else lost
            scores = _changed(quiz, luck[quiz.name] < change * progress, side[quiz.name] < fallen)
            total += _answer_all(workspace, digest, quiz, scores, random)
        kl = change * progress * (1 + 0.1 * random.standard_normal())
        drift = {"kl_to_base": kl, "kl_to_base_stderr": kl / 10, "prompts": 16, "tokens": 700}
        drift |= {"reverse_kl_to_base": kl * 1.2, "reverse_kl_to_base_stderr": kl / 8}
        drift |= {"unchanged_weights": 1 - change * progress * 6, "relative_change": kl / 100}
        lines.append(_line(checkpoint_name(step), step, digest, quizzes, drift))
    record = SweepRecord(
        title=f"large / qwen3-1.7b / {dataset} / {method} / seed 0",
        base_model="qwen3-1.7b",
        benchmarks=tuple(quiz.name for quiz in quizzes[:-1]),
        task=quizzes[-1].name,
        base=_line("base", 0, "base", quizzes, {}),
        checkpoints=tuple(lines),
        fingerprint={"engine": "made up", "device": "cpu", "dtype": "float32"},
    )
    settings = {"study": "large", "model": "qwen3-1.7b", "dataset": dataset, "method": method}
    settings |= {"seed": 0, "method_settings": {"lr": 1e-5}}
    folder.path.mkdir(parents=True)
    runfile.freeze(folder.runfile, settings, {"forget": "made up", "hardware": "made up"})
    write_record(folder.sweep, record)
    steps = range(10, 100 * checkpoints + 1, 10)
    curve = [{"step": s, "loss": 2 * s**-0.2, "lr": 1e-5, "grad_norm": 1.0} for s in steps]
    write_text(folder.curve, "".join(json.dumps(line) + "\n" for line in curve))
    return total


def _line(
    name: str, step: int, digest: str, quizzes: list[Quiz], drift: dict[str, float]
) -> ModelLine:
    evaluations = {quiz.name: _place(digest, quiz) for quiz in quizzes}
    return ModelLine(name=name, step=step, digest=digest, evaluations=evaluations, drift=drift)


def _place(digest: str, quiz: Quiz) -> str:
    return f"evaluations/{digest}/{quiz.name.replace(':', '-')}/made-up"


def _changed(
    quiz: Quiz, moved: NDArray[np.bool_], fallen: NDArray[np.bool_]
) -> NDArray[np.float64]:
    if quiz.graded:
        return np.clip(quiz.base - moved * (2 * fallen - 1) * 0.3, 0, 1)
    return np.where(moved, ~fallen, quiz.base).astype(np.float64)


def _answer_all(
    workspace: Workspace,
    digest: str,
    quiz: Quiz,
    scores: NDArray[np.float64],
    random: np.random.Generator,
) -> int:
    folder = workspace.root / _place(digest, quiz)
    folder.mkdir(parents=True)
    logs = np.round(-np.exp(random.standard_normal((quiz.items, 4))), 4)
    responses = [f"[[{a}, true], [{b}, false], [{c}, false], [{d}, false]]" for a, b, c, d in logs]
    metrics = [f'{{"{quiz.metric}": {score}}}' for score in scores]
    columns = {"score": pa.array(scores), "metrics": metrics, "response": responses}
    table = quiz.keys
    for name, column in columns.items():
        table = table.append_column(name, pa.array(column))
    pq.write_table(table, folder / "items.parquet", compression="zstd")
    details = {"required_items": quiz.items, "truncation_rate": 0.01, "mean_tokens": 120.0}
    result = {"exam": quiz.name, "metric": quiz.metric, "score": float(scores.mean())}
    write_json(folder / "results.json", result | {"items": quiz.items, "details": details})
    seal(folder, "evaluation", {})
    return quiz.items


def _quiz(
    benchmark: Benchmark, share: float, words: NDArray[np.str_], random: np.random.Generator
) -> Quiz:
    items = max(10, round(benchmark.items * share))
    tasks = np.array([file.name for file in benchmark.tasks])
    own = tasks[np.arange(items) * len(tasks) // items]
    graded = benchmark.name == "truthfulqa_mc2"
    ability = benchmark.chance + (1 - benchmark.chance) * 0.5
    right = random.random(items) < ability
    base = random.beta(2, 2, items) if graded else right.astype(np.float64)
    length = LENGTHS.get(benchmark.name, 160)
    keys = _keys(list(own), list(_texts(items, length, words, random)))
    return Quiz(benchmark.name, benchmark.metric, items, keys, base, graded)


def _task(dataset: str, share: float, words: NDArray[np.str_], random: np.random.Generator) -> Quiz:
    items = max(10, round(TASK_ITEMS * share))
    keys = _keys([f"task:{dataset}"] * items, list(_texts(items, 240, words, random)))
    base = (random.random(items) < 0.5).astype(np.float64)
    return Quiz(f"task:{dataset}", "accuracy", items, keys, base, graded=False)


def _keys(tasks: list[str], prompts: list[str]) -> pa.Table:
    count = len(tasks)
    columns = {"task": tasks, "doc_id": range(count), "prompt": prompts, "target": ["1"] * count}
    columns["doc_hash"] = [f"{hash(prompt) & 0xFFFFFFFFFFFFFFFF:016x}" for prompt in prompts]
    return pa.table({name: pa.array(column) for name, column in columns.items()})


def _words(random: np.random.Generator) -> NDArray[np.str_]:
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    lengths = random.integers(2, 9, 4000)
    return np.array(["".join(random.choice(letters, length)) for length in lengths])


def _texts(
    items: int, length: int, words: NDArray[np.str_], random: np.random.Generator
) -> Iterator[str]:
    for _ in range(items):
        yield " ".join(random.choice(words, max(3, length // 6)))


if __name__ == "__main__":
    main()
