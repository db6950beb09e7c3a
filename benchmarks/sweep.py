"""What a sweep costs beside one evaluation: nothing but weights may be loaded a second time.

    python benchmarks/sweep.py --data MIRROR [--model NAME] [--items N] [--checkpoints 4]

The base model and copies of it with slightly changed weights are evaluated in one process. Starting
up is what the first takes beyond its scoring: reading documents, tokenising, planning, loading.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import click


@click.command(help=__doc__)
@click.option("--data", type=click.Path(path_type=Path), help="Data mirror.")
@click.option("--model", default="smollm2-135m", show_default=True)
@click.option("--benchmarks", default="core10", show_default=True)
@click.option("--items", default=40, show_default=True, help="Items of each benchmark.")
@click.option("--checkpoints", default=4, show_default=True)
def main(**options: Any) -> None:
    total, answering = measure(**options)
    startup = total[0] - answering[0]
    further = sum(total) - startup
    click.echo(f"start-up: {startup:.1f} s; scoring the base: {answering[0]:.1f} s")
    click.echo("checkpoints: " + ", ".join(f"{seconds:.1f} s" for seconds in total[1:]))
    times = further / answering[0]
    click.echo(f"all {len(total)} models: start-up and {times:.2f} times the scoring of one")


def measure(
    data: Path | None, model: str, benchmarks: str, items: int, checkpoints: int
) -> tuple[list[float], list[float]]:
    """Return the seconds that each model took, and those of them that went into answers."""
    from forget.cli.console import quiet_libraries
    from forget.inference.models import find_model, obtain_model
    from forget.inference.weights import model_digest
    from forget.session import open_session
    from forget.store.manifest import read_manifest

    total, answering = [], []
    with tempfile.TemporaryDirectory() as out, quiet_libraries(Path(out) / "log") as screen:
        session = open_session(out=Path(out) / "out", data=data)
        base = obtain_model(find_model(model, session.catalogue), screen).folder
        assert base is not None
        folders = [base, *(_changed(base, Path(out), n) for n in range(checkpoints))]
        begun = time.perf_counter()
        sweep = session.sweep(session.exams(benchmarks.split(","), items), base)
        for number, folder in enumerate(folders):
            done = sweep.run(folder, model_digest(folder), f"model {number}", screen)
            total.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            manifests = [read_manifest(evaluation.folder) for evaluation in done]
            times = [m.details["time"] for m in manifests if m is not None]
            answering.append(sum(seconds for t in times for seconds, _ in t.values()))
    return total, answering


def _changed(base: Path, out: Path, number: int) -> Path:
    """Copy a model with weights that differ in their last digits, so that it answers alike."""
    import shutil

    from safetensors.torch import load_file, save_file

    folder = out / f"changed-{number}"
    shutil.copytree(base, folder, ignore=shutil.ignore_patterns("manifest.json"))
    for file in folder.glob("*.safetensors"):
        weights = load_file(file)
        changed = {name: tensor * (1 + (number + 1) * 2e-7) for name, tensor in weights.items()}
        save_file(changed, file, metadata={"format": "pt"})
    return folder


if __name__ == "__main__":
    main()
