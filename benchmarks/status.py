"""What `forget status` takes for a large study: a folder of small files, all of them evaluated.

    python benchmarks/status.py [--runs 100] [--checkpoints 15] [--out FOLDER]

The folder is made by the code that makes real ones, with one number for weights: runs with
run.toml, data and checkpoints, and each checkpoint's evaluations on ten benchmarks and the trained
task. Timed is the whole command, the start of the interpreter included: the first call, which
compares base and last checkpoint of each run, and later ones.
"""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import click

from forget.evaluation.items import Item, write_items
from forget.evaluation.sweep import Sweep
from forget.inference.weights import model_digest
from forget.plan import Run, RunRequest, plan
from forget.run import refresh_record
from forget.scheduler.requests import remember
from forget.session import open_session
from forget.store import runfile
from forget.store.atomic import write_json
from forget.store.manifest import seal

REGISTRY = """
[studies.large]
summary = "a study of small files"
models = ["{model}"]
datasets = ["arithmetic"]
methods = ["gt-sft", "grpo", "spin", "pi"]
seeds = {seeds}
benchmarks = ["mini"]
settings = {{ max_steps = {steps}, checkpoint_every = 100 }}
"""
METHODS = 4
VARIANTS = 8
"""Evaluations that differ; the others are links to their files."""

ITEMS = 100


@click.command(help=__doc__)
@click.option("--runs", default=100, show_default=True)
@click.option("--checkpoints", default=15, show_default=True, help="Of each run.")
@click.option("--calls", default=7, show_default=True, help="Timed calls after the first.")
@click.option("--out", type=click.Path(path_type=Path), help="Keep the folder here.")
def main(runs: int, checkpoints: int, calls: int, out: Path | None) -> None:
    with ExitStack() as stack:
        out = out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        begun = time.perf_counter()
        evaluations = make_folder(out, runs, checkpoints)
        took = time.perf_counter() - begun
        click.echo(f"{runs} runs, {evaluations:,} evaluations: made in {took:.0f} s")
        first, *later = (seconds(out / "out") for _ in range(1 + calls))
        click.echo(f"forget status: first call {first:.2f} s")
        shown = ", ".join(f"{value:.2f}" for value in sorted(later))
        click.echo(f"forget status: later calls {shown} s")


def seconds(out: Path) -> float:
    command = [str(Path(sys.executable).with_name("forget")), "status", "--out", str(out)]
    begun = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - begun


def make_folder(root: Path, runs: int, checkpoints: int) -> int:
    """Make FOLDER/out with so many runs; return the number of evaluations."""
    registry = root / "registry.toml"
    seeds = list(range(-(-runs // METHODS)))
    model = make_model(root / "model")
    registry.write_text(REGISTRY.format(model=model, seeds=seeds, steps=100 * checkpoints))
    session = open_session(out=root / "out", registries=[registry])
    request = RunRequest(study="large")
    planned = plan(request, session).runs[:runs]
    remember(request, session)
    sweep = session.sweep(planned[0].exams, model)
    templates = make_templates(root / "templates", sweep)
    count = link_evaluations(sweep, model_digest(model), templates, 0)
    for number, run in enumerate(planned):
        make_run(run, checkpoints)
        for step in run.folder.steps():
            digest = model_digest(run.folder.checkpoint(step))
            count += link_evaluations(sweep, digest, templates, number + step)
        refresh_record(run, session)
    return count


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "tokenizer.json").write_text("{}")
    write_weights(folder / "model.safetensors", 0)
    return folder


def write_weights(path: Path, value: int) -> None:
    header = json.dumps({"w": {"dtype": "I64", "shape": [1], "data_offsets": [0, 8]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + value.to_bytes(8, "little"))


def make_run(run: Run, checkpoints: int) -> None:
    frozen = {**run.frozen(), "model_digest": model_digest(run.model.folder or Path())}
    runfile.freeze(run.folder.runfile, frozen, {})
    write_json(run.folder.data / "rows.json", [])
    details = {"rows": 2000, "source_rows": 2000, "digest": "0" * 64, "dataset": "arithmetic"}
    seal(run.folder.data, "data", details)
    lines = [{"step": 10 * n, "epoch": n / 10, "loss": 1.0} for n in range(1, 10 * checkpoints + 1)]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (run.folder.path / "metrics.jsonl").write_text(text)
    for step in range(100, 100 * checkpoints + 1, 100):
        folder = run.folder.checkpoint(step)
        folder.mkdir(parents=True)
        for name in ("config", "generation_config", "tokenizer", "tokenizer_config"):
            (folder / f"{name}.json").write_text("{}")
        write_weights(folder / "model.safetensors", hash((str(run.folder.path), step)) % 2**60)
        seal(folder, "checkpoint", {"step": step})


def make_templates(root: Path, sweep: Sweep) -> dict[str, list[Path]]:
    drawn = random.Random(0)
    found: dict[str, list[Path]] = {}
    for exam in sweep.exams:
        for number in range(VARIANTS):
            folder = root / exam.key() / str(number)
            folder.mkdir(parents=True)
            scores = [float(drawn.random() < 0.5) for _ in range(ITEMS)]
            write_items(folder / "items.parquet", [item(i, s) for i, s in enumerate(scores)])
            details = {"required_items": ITEMS, "truncation_rate": 0.0}
            result = {"exam": exam.name, "metric": exam.metric, "score": sum(scores) / ITEMS}
            write_json(folder / "results.json", {**result, "items": ITEMS, "details": details})
            seal(folder, "evaluation", {"fingerprint": dict(sweep.engine.fingerprint())})
            found.setdefault(exam.name, []).append(folder)
    return found


def item(number: int, score: float) -> Item:
    return Item(
        task="t", doc_id=number, doc_hash=f"{number:064}", score=score, metrics={"acc": score},
        prompt="?", target="!", response=[],
    )  # fmt: skip


def link_evaluations(
    sweep: Sweep, digest: str, templates: dict[str, list[Path]], number: int
) -> int:
    for exam in sweep.exams:
        folder = sweep.folder(digest, exam)
        folder.mkdir(parents=True)
        template = templates[exam.name][number % VARIANTS]
        for file in template.iterdir():
            os.link(file, folder / file.name)
    return len(sweep.exams)


if __name__ == "__main__":
    main()
