"""The built-in engine beside lm-eval's own model: same items, same machine, one after the other.

    python benchmarks/engine.py --data MIRROR [--model NAME] [--items N] [--stock 1,16] [--vllm]

Each engine runs in a process of its own, whose peak memory is read at its end. The part of scoring
and the part of generation are timed apart, after loading and tokenising. What the arithmetic needs
at least is counted (`necessary`): two operations for each weight and distinct prefix, and for each
entry of the vocabulary matrix and scored position, at the rate of a large matrix product that is
measured in the same process just before.
"""

from __future__ import annotations

import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple

import attrs
import click

LM_EVAL_VLLM = "lm-eval-vllm"

_SIZE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""Rows and columns of the matrices whose product measures the machine."""


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), required=True, help="Data mirror.")
@click.option("--model", default="smollm2-135m", show_default=True)
@click.option("--items", default=40, show_default=True, help="Items of each benchmark; 0: all.")
@click.option("--benchmarks", default="core10", show_default=True)
@click.option("--new-tokens", default=256, show_default=True, help="Longest generated text.")
@click.option("--stock", default="1,16", show_default=True, help="lm-eval's batch sizes.")
@click.option("--vllm", is_flag=True, help="Also our vLLM engine and lm-eval's vllm backend.")
@click.option("--dtype", default="float32", show_default=True)
@click.option("--only", hidden=True, help="Run one engine here and print what it took.")
@click.option("--json", "as_json", is_flag=True)
def main(stock: str, vllm: bool, only: str | None, as_json: bool, **options: Any) -> None:
    if only is not None:
        print(json.dumps(measure(only, Options(**options))))
        return
    names = ["builtin", *(f"stock:{size}" for size in stock.split(",") if size)]
    names += ["vllm", LM_EVAL_VLLM] if vllm else []
    found = [line for name in names if (line := _in_a_process(name, options)) is not None]
    if as_json:
        print(json.dumps({"machine": _machine(), "engines": found}, indent=2))
    else:
        _print(found)


class Options(NamedTuple):
    """What is measured, as on the command line."""

    data: Path
    model: str
    items: int
    benchmarks: str
    new_tokens: int
    dtype: str


def measure(only: str, what: Options) -> dict[str, Any]:
    """Answer the requests of some benchmarks by one engine; return what it took."""
    from forget.cli.console import quiet_libraries
    from forget.inference.engine import Generate
    from forget.inference.models import find_model, obtain_model
    from forget.session import EngineOptions, open_session

    name, _, size = only.partition(":")
    with tempfile.TemporaryDirectory() as out, quiet_libraries(Path(out) / "log") as screen:
        kind: Any = "builtin" if name == LM_EVAL_VLLM else name
        options = EngineOptions(engine=kind, dtype=what.dtype, batch_size=int(size or 1))
        session = open_session(out=Path(out), data=what.data, options=options)
        folder = obtain_model(find_model(what.model, session.catalogue), screen).folder
        assert folder is not None
        engine = _engine(name, session, folder)
        requests = [
            attrs.evolve(r, options={**r.options, "max_gen_toks": what.new_tokens})
            if isinstance(r, Generate)
            else r
            for exam in session.exams(what.benchmarks.split(","), what.items or None)
            for r in exam.requests(folder)
        ]
        started = time.perf_counter()
        work = engine.prepare(requests, folder)
        prepared = time.perf_counter()
        running = engine.load(folder)
        loaded = time.perf_counter()
        rate = _matrix_rate(session.machine)
        seconds = {"score": 0.0, "generate": 0.0}
        for batch in work.batches:
            begun = time.perf_counter()
            running.answer(work, batch)
            seconds[batch.kind] += time.perf_counter() - begun
            screen.note(f"{only}: {sum(seconds.values()):.0f} s")
        engine.release()  # or a process of vLLM's would not be counted
        return {
            "engine": only,
            "requests": len(requests),
            "prepare_s": prepared - started,
            "load_s": loaded - prepared,
            "score_s": seconds["score"],
            "generate_s": seconds["generate"],
            "peak_gb": _peak_bytes() / 1e9,
            "matrix_gflops": rate / 1e9,
            **(_necessary(work, folder, rate) if name == "builtin" else {}),
        }


def _engine(name: str, session: Any, folder: Path) -> Any:
    if name != LM_EVAL_VLLM:
        return session.engine(folder)
    from lm_eval_vllm import LmEvalVllm  # beside this file

    return LmEvalVllm(session.machine.dtype)


def _peak_bytes() -> int:
    """Return the most that this process and the largest of those it started have held.

    On a GPU it is the GPU's memory, as torch gave it to this process.
    """
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated()
    both = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(resource.getrusage(who).ru_maxrss for who in both) * 1024


def _necessary(work: Any, folder: Path, rate: float) -> dict[str, Any]:
    """Count the arithmetic that scoring cannot do without, and its time at the measured rate."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from forget.inference.forest import count_nodes
    from forget.inference.tokens import EncodedScore

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(folder))
    layers = sum(p.numel() for p in model.base_model.parameters() if p.ndim > 1)
    layers -= model.get_input_embeddings().weight.numel()
    head = model.get_output_embeddings().weight.numel()
    scores = [item for item in work.ready if isinstance(item, EncodedScore)]
    nodes = count_nodes([item.tokens for item in scores])
    places = {
        bytes(memoryview(item.tokens[: len(item.tokens) - back]))
        for item in scores
        for back in range(len(item.targets))
    }
    operations = 2 * layers * nodes + 2 * head * len(places)
    return {
        "tokens_one_by_one": sum(len(item.tokens) for item in scores),
        "distinct_prefixes": nodes,
        "scored_positions": len(places),
        "necessary_s": operations / rate,
    }


def _matrix_rate(machine: Any) -> float:
    """Return the operations per second of a large matrix product, the best of ten."""
    import torch

    size = _SIZE[machine.device]
    where = {"device": machine.device, "dtype": getattr(torch, machine.dtype)}
    one, other = torch.randn(size, size, **where), torch.randn(size, size, **where)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        torch.mm(one, other)[0, 0].item()  # waits for a GPU
        times.append(time.perf_counter() - begun)
    return 2 * size**3 / min(times)


def _in_a_process(name: str, options: dict[str, Any]) -> dict[str, Any] | None:
    """Measure one engine; the others are not lost with one that fails."""
    arguments = [f"--{key.replace('_', '-')}={value}" for key, value in options.items()]
    command = [sys.executable, __file__, *arguments, f"--only={name}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        click.echo(f"{name}: failed, see above", err=True)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def _machine() -> dict[str, Any]:
    from forget.inference.machine import package_version

    versions = {name: package_version(name) for name in ("torch", "transformers", "lm-eval")}
    return {"platform": platform.platform(), "date": time.strftime("%Y-%m-%d"), **versions}


def _print(found: list[dict[str, Any]]) -> None:
    from rich.table import Table

    from forget.cli.console import print_table

    ours = found[0]
    table = Table("engine", "score [s]", "x", "generate [s]", "x", "peak [GB]")
    for line in found:
        ratios = [
            f"{line[part] / ours[part]:.1f}" if ours[part] else "-"
            for part in ("score_s", "generate_s")
        ]
        table.add_row(
            line["engine"],
            f"{line['score_s']:.1f}",
            ratios[0],
            f"{line['generate_s']:.1f}",
            ratios[1],
            f"{line['peak_gb']:.2f}",
        )
    print_table(table)
    click.echo(
        f"{ours['tokens_one_by_one']:,} tokens one by one, {ours['distinct_prefixes']:,} distinct "
        f"prefixes, {ours['scored_positions']:,} scored positions; at {ours['matrix_gflops']:.0f} "
        f"GFLOP/s the arithmetic needs {ours['necessary_s']:.1f} s, the engine takes "
        f"{ours['score_s'] / ours['necessary_s']:.2f} times that"
    )


if __name__ == "__main__":
    main()
