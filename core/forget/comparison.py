"""`forget eval`: checkpoints that exist already, compared with the model they were trained from."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

from forget.errors import RequestError
from forget.evaluation.agreement import Agreement, agree, tolerance
from forget.evaluation.exam import Exam
from forget.evaluation.record import ModelLine, SweepRecord, write_record
from forget.evaluation.shards import Shard
from forget.evaluation.sweep import Sweep
from forget.inference.engine import Engine
from forget.inference.models import ModelReference, find_model, obtain_model
from forget.inference.weights import check_model_folder, model_digest
from forget.progress import Progress
from forget.session import Session
from forget.store.layout import checkpoint_step

__all__ = ["check_parity", "compare", "find_checkpoints", "measure_noise"]


def find_checkpoints(paths: Sequence[Path]) -> list[Path]:
    """Return the checkpoint folders that are meant, each a usable model.

    A folder that is no model itself, but has checkpoints in it (a run's ``checkpoints/``, a
    trainer's output folder), stands for them. Checkpoints of one folder are in the order of their
    steps, for a shell has ``checkpoint-1000`` before ``checkpoint-200``; other names follow.

    Raises:
        ModelError: A folder is not a usable model.
        RequestError: Nothing was given.
    """
    found = [folder for path in paths for folder in _inside(path) or [path]]
    if not found:
        raise RequestError("Give at least one checkpoint folder to evaluate.")
    for folder in found:
        check_model_folder(folder)
    parents = [folder.absolute().parent for folder in found]

    def place(folder: Path) -> tuple[int, float]:
        step = _step(folder.name)
        return parents.index(folder.absolute().parent), math.inf if step is None else step

    return sorted(found, key=place)


def compare(
    base: str,
    checkpoints: Sequence[Path],
    exams: Sequence[Exam],
    session: Session,
    progress: Progress,
    shard: Shard | None = None,
) -> SweepRecord:
    """Evaluate base and checkpoints, continuing what was begun.

    Args:
        base: Base model: name, Hub id or folder.
        checkpoints: Checked checkpoint folders.
        exams: What to score them on.
        session: Where and how.
        progress: Where to report.
        shard: The part of the work that is done here; None does all of it.
    """
    model = obtain_model(find_model(base, session.catalogue), progress)
    assert model.folder is not None
    sweep = session.sweep(exams, model.folder, shard)
    models = [(folder, find_model(str(folder), session.catalogue)) for folder in checkpoints]
    record = _record(model, models, sweep)
    sweep.run(model.folder, record.base.digest, "base", progress)
    for (folder, _), line in zip(models, record.checkpoints, strict=True):
        sweep.run(folder, line.digest, line.name, progress)
    if shard is None:
        write_record(session.workspace.comparison(_identity(record)), record)
    return record


def check_parity(
    base: str, exams: Sequence[Exam], session: Session, progress: Progress
) -> list[Agreement]:
    """Score items of a model by the session's engine and by lm-eval's own model, and compare.

    Args:
        base: The model: name, Hub id or folder.
        exams: Exams of as many items as are to be compared.
        session: Where and how.
        progress: Where to report.
    """
    from forget.evaluation.stock import StockEngine

    folder = _folder(base, session, progress)
    stock = StockEngine(session.machine, session.options.batch_size)
    return _agreements(folder, exams, session, (session.engine(folder), stock), progress)


def measure_noise(
    base: str, exams: Sequence[Exam], session: Session, progress: Progress
) -> list[Agreement]:
    """Score a model twice, in batches of other shapes (A/A): what differs is the engine's noise.

    Args:
        base: The model: name, Hub id or folder.
        exams: What it is scored on.
        session: Where and how.
        progress: Where to report.
    """
    folder = _folder(base, session, progress)
    engine = session.engine(folder)
    return _agreements(folder, exams, session, (engine, engine.reshaped()), progress)


def _folder(base: str, session: Session, progress: Progress) -> Path:
    folder = obtain_model(find_model(base, session.catalogue), progress).folder
    assert folder is not None
    return folder


def _agreements(
    folder: Path,
    exams: Sequence[Exam],
    session: Session,
    engines: tuple[Engine, Engine],
    progress: Progress,
) -> list[Agreement]:
    found = []
    for engine in engines:
        sweep = Sweep(session.workspace, engine, exams)
        found.append(sweep.run(folder, model_digest(folder), f"base by {engine.name}", progress))
        engine.release()
    allowed = tolerance(session.machine.dtype)
    return [agree(one, other, allowed) for one, other in zip(*found, strict=True)]


def _inside(path: Path) -> list[Path]:
    if not path.is_dir() or (path / "config.json").is_file():
        return []
    return sorted(c for c in path.iterdir() if c.is_dir() and _step(c.name) is not None)


def _step(name: str) -> int | None:
    """Read the step of ``step-000100`` (ours) or ``checkpoint-100`` (transformers')."""
    ours = checkpoint_step(name)
    digits = name.removeprefix("checkpoint-")
    return int(digits) if ours is None and digits != name and digits.isdigit() else ours


def _record(
    base: ModelReference, models: Sequence[tuple[Path, ModelReference]], sweep: Sweep
) -> SweepRecord:
    digest = base.digest()
    return SweepRecord(
        title=f"{len(models)} checkpoint(s) against {base.name}",
        base_model=base.name,
        benchmarks=tuple(exam.name for exam in sweep.exams),
        task=None,
        base=_line("base", 0, digest, sweep),
        checkpoints=tuple(
            _line(str(folder), _step(folder.name), model.digest(), sweep)
            for folder, model in models
        ),
        fingerprint=dict(sweep.engine.fingerprint()),
    )


def _line(name: str, step: int | None, digest: str, sweep: Sweep) -> ModelLine:
    return ModelLine(
        name=name, step=step, digest=digest, evaluations=sweep.relative_folders(digest)
    )


def _identity(record: SweepRecord) -> str:
    parts = [record.base.digest, *(line.digest for line in record.checkpoints), *record.benchmarks]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
