"""Planning is quick: 10,000 runs, and an output folder that is full of what was done."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from forget.evaluation.record import ModelLine, SweepRecord, write_record
from forget.inference.weights import model_digest
from forget.plan import Plan, Run, RunRequest, plan
from forget.run import check_frozen
from forget.scheduler.costs import like, measured
from forget.scheduler.matrix import units_as_plain
from forget.scheduler.units import Stage, Unit, units_of
from forget.session import Session, open_session
from forget.store import journal, runfile
from forget.store.manifest import MANIFEST
from tiny_models import make_hollow_model

pytestmark = pytest.mark.slow

METHODS = ["gt-sft", "grpo", "spin", "pi"]
STEPS = range(100, 1600, 100)
RESULT = {"exam": "x", "metric": "acc", "score": 0.5, "items": 10, "details": {}}


@pytest.fixture
def session(tmp_path: Path) -> Callable[[int], Session]:
    """Opens a session whose study ``big`` has so many runs."""

    def opened(runs: int) -> Session:
        model = make_hollow_model(tmp_path / "model")
        study = {
            "summary": "for tests", "extends": "demo", "models": [str(model)],
            "methods": METHODS, "seeds": list(range(runs // len(METHODS))),
            "benchmarks": ["mini"],
        }  # fmt: skip
        lines = [f"{key} = {json.dumps(value)}" for key, value in study.items()]
        (tmp_path / "registry.toml").write_text("[studies.big]\n" + "\n".join(lines))
        return open_session(out=tmp_path / "out", registries=[tmp_path / "registry.toml"])

    return opened


def planned(session: Session) -> tuple[Plan, list[Unit], dict[str, Any], float]:
    """Do what `forget plan --json` does; return the seconds that it took too."""
    begun = time.perf_counter()
    found = plan(RunRequest(study="big"), session)
    for run in found.runs:
        check_frozen(run)
    units = units_of(found.runs, session)
    plain = units_as_plain(units, found.pending, measured(session.workspace), 4)
    return found, units, plain, time.perf_counter() - begun


def test_ten_thousand_runs(session: Callable[[int], Session]) -> None:
    """Some 1.8 s on one core of a busy machine; what is quadratic would take minutes."""
    found, units, plain, seconds = planned(session(10_000))
    assert len(found.runs) == 10_000
    assert len(units) == len(plain["units"]) == 30_001
    assert all(unit.expected for unit in units if unit.stage == "evaluate")
    assert seconds < 10


def sealed(folder: Path, kind: str, details: dict[str, Any], **files: str) -> None:
    """Write a sealed folder without waiting for the disk, as `seal` does; `files` by name."""
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    known = {
        name: {"bytes": len(text), "sha256": sha256(text.encode()).hexdigest()}
        for name, text in files.items()
    }
    plain = {"format": 1, "kind": kind, "details": details, "files": known}
    (folder / MANIFEST).write_text(json.dumps(plain))


def fill(run: Run, session: Session, number: int) -> None:
    """Make a run directory look as if all of it were done, with small files."""
    folder = run.folder
    sealed(folder.data, "data", {"rows": 2000}, **{"train.parquet": "x"})
    runfile.freeze(folder.runfile, run.frozen(), {})
    sweep = session.sweep(run.exams, run.model.folder)
    lines = []
    for step in STEPS:
        checkpoint = folder.checkpoint(step)
        weights = {"config.json": "{}", "model.safetensors": f"{number} {step}"}
        sealed(checkpoint, "checkpoint", {"step": step}, **weights)
        digest = model_digest(checkpoint, recompute=False)
        lines.append(ModelLine(name=checkpoint.name, step=step, digest=digest, evaluations={}))
        for exam in run.exams:
            found = {"items.parquet": "x", "results.json": json.dumps(RESULT)}
            sealed(sweep.folder(digest, exam), "evaluation", {}, **found)
    record = SweepRecord(
        title=run.title, base_model=run.model.name, benchmarks=(), task=None, base=lines[0],
        checkpoints=tuple(lines), fingerprint={},
    )  # fmt: skip
    write_record(folder.sweep, record)
    common = {"seconds": 60.0, "peak_gb": 2.0, "status": "done"}
    stages: dict[Stage, int] = {"prepare": 0, "train": 0, "evaluate": len(STEPS)}
    records = [
        {"stage": stage, **like(run, stage), "models": models, **common}
        for stage, models in stages.items()
    ]
    journal.append(folder.work_journal, records)


def test_a_full_output_folder(session: Callable[[int], Session]) -> None:
    opened = session(100)
    for number, run in enumerate(plan(RunRequest(study="big"), opened).runs):
        fill(run, opened, number)
    _, units, plain, seconds = planned(opened)
    assert len(units) == 1 + 100 * (2 + len(STEPS))
    assert {unit.state for unit in units if unit.model != "base"} == {"done"}
    assert {unit["memory_gb"] for unit in plain["units"]} == {2.0}
    print(seconds)
    assert seconds < 10
