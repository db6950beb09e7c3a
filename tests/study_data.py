"""Run directories with prepared data and stores of completions, as the real code writes them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Example
from forget.method import PrepareTask, TrainingSettings
from forget.store import runfile
from forget.store.manifest import MANIFEST, seal
from forget.training import Conversation, write_examples
from forget.training.trajectories.store import About, CompletionStore, Stored
from forget_datasets.arithmetic import Arithmetic

__all__ = ["GT", "SF", "TEACHER", "make_run", "make_store", "reseal", "trajectories"]

GT = "runs/phase1/tiny/arithmetic/gt-sft/seed-{}"
SF = "runs/phase1/tiny/arithmetic/sf-sft/seed-0"
TEACHER = {"name": "qwen3-32b", "kind": "vllm", "family": "qwen3"}
SAMPLING = {"temperature": 0.7, "top_p": 0.95, "top_k": 0, "max_new_tokens": 1024, "shots": 0}


class Few(Arithmetic):
    """The first problems of the arithmetic dataset, with levels."""

    def __init__(self, count: int) -> None:
        self.count = count

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        return list(super().load(split, data))[: self.count]

    def prompt(self, example: Example) -> list[Message]:
        return [{"role": "user", "content": example.question}]


def make_run(out: Path, model: Path, where: str, count: int = 8) -> Path:
    """Make ``runs/<where>``, five parts, with run.toml and the data prepared for `model`."""
    study, model_name, dataset, method, seed = where.split("/")
    run = out / "runs" / where
    frozen = {"study": study, "model": model_name, "dataset": dataset, "method": method}
    runfile.freeze(run / "run.toml", {**frozen, "seed": int(seed.removeprefix("seed-"))}, {})
    few = Few(count)
    task = PrepareTask(
        dataset=few,
        data=None,  # type: ignore[arg-type] - it reads nothing
        model=model,
        settings=TrainingSettings(max_length=512),
        seed=0,
        output=run / "data",
    )
    examples = few.load("train", task.data)
    write_examples(task, (Conversation(e.id, few.prompt(e), e.solution) for e in examples))
    return run


def reseal(folder: Path, **details: Any) -> None:
    """Write the manifest of a folder anew, with some of its details changed."""
    old = json.loads((folder / MANIFEST).read_text())
    (folder / MANIFEST).unlink()
    seal(folder, old["kind"], {**old["details"], **details})


def trajectories(store: str) -> dict[str, Any]:
    """What the manifest of SF-SFT's data says of where it comes from."""
    return {
        "store": store,
        "teacher": TEACHER,
        "sampling": SAMPLING,
        "questions": 10,
        "samples": 2,
        "completions": 20,
        "correct": 15,
        "truncated": 1,
        "kept_questions": 8,
        "kept_fraction": 0.8,
    }


def make_store(
    out: Path, texts: Sequence[tuple[str, int, str]], questions: int, samples: int = 2
) -> Path:
    """Make a store with completions given as example, sample, text."""
    folder = out / "trajectories" / "arithmetic" / "qwen3-32b-0a1b2c3d4e5f"
    shutil.rmtree(folder, ignore_errors=True)
    store = CompletionStore(folder)
    store.describe(
        About(
            dataset="arithmetic",
            teacher=TEACHER,
            sampling=SAMPLING,
            questions=questions,
            samples=samples,
        )
    )
    for example, sample, text in texts:
        ask = hashlib.sha256(f"{example} {sample}".encode()).hexdigest()[:16]
        completion = Completion(text=text, finished=True, tokens=len(text.split()))
        store.add(Stored(ask, example, sample, completion))
    return folder
