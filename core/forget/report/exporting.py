"""What was evaluated, as results of lm-eval that other tools read."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import mkdtemp

import attrs

from forget.benchmark import Benchmark
from forget.errors import DataError, OutputError
from forget.evaluation.items import read_items
from forget.evaluation.record import ModelLine
from forget.evaluation.replay import Answered, Replayed, replay, write_results
from forget.evaluation.sweep import Evaluation, intact_evaluation
from forget.mirror import Mirror
from forget.progress import Progress
from forget.report.written import Written
from forget.store.atomic import ensure_writable, storage_errors
from forget.store.manifest import read_manifest
from forget.verdict.records import FoundRecord

__all__ = ["check_export", "write_lm_eval"]


@attrs.frozen(kw_only=True)
class _Model:
    """A model to write results of.

    Attributes:
        name: Its name, which its folder is named after.
        evaluations: What was evaluated of it, benchmarks only.
    """

    name: str
    evaluations: Sequence[Evaluation]


def check_export(
    folder: Path, found: Sequence[FoundRecord], benchmarks: Mapping[str, Benchmark]
) -> None:
    """Check before anything is written that results can be.

    Raises:
        DataError: No benchmark of them is installed here.
        OutputError: The folder cannot be made, or not be written.
        StorageError: The disk is full.
    """
    asked = {name for one in found for name in one.record.benchmarks}
    if not asked & benchmarks.keys():
        raise DataError(
            f"No plugin that is installed here brings {', '.join(sorted(asked)) or 'a benchmark'}, "
            "and without its documents there are no results of lm-eval to write. `forget list "
            "benchmarks` shows what is there."
        )
    ensure_writable(folder, "folder of lm-eval's results", "--lm-eval")


def write_lm_eval(
    folder: Path,
    found: Sequence[FoundRecord],
    benchmarks: Mapping[str, Benchmark],
    mirror: Mirror,
    progress: Progress,
) -> Written:
    """Write each model that was evaluated as a folder of lm-eval's results and samples.

    A base model that several runs share is written once. What is there is never overwritten: the
    date of the files is in their names.

    Args:
        folder: Where to.
        found: The runs and comparisons.
        benchmarks: Those that are installed.
        mirror: Where their documents come from.
        progress: Where to report.

    Raises:
        DataError: An evaluation is damaged, or its documents cannot be had any more.
        OutputError: A file stands where a model's folder goes.
        StorageError: The disk is full.
    """
    files: list[Path] = []
    omitted: dict[str, str] = {}
    models = list(_models(found, benchmarks, omitted))
    with progress.task("results of lm-eval", len(models)) as advance:
        for model in models:
            files += _write(folder, model, benchmarks, mirror)
            advance(1, model.name)
    return Written(tuple(files), omitted)


def _models(
    found: Sequence[FoundRecord], benchmarks: Mapping[str, Benchmark], omitted: dict[str, str]
) -> Iterator[_Model]:
    """Yield each model once, under a name of its own."""
    digests: dict[str, str] = {}
    seen: set[tuple[str, ...]] = set()
    for one in found:
        for line in (one.record.base, *one.record.checkpoints):
            name = _name(one, line)
            if digests.setdefault(name, line.digest) != line.digest:
                name = f"{name}-{line.digest[:8]}"
            evaluations = list(_evaluations(one, line, benchmarks, omitted))
            key = (name, *(str(evaluation.folder) for evaluation in evaluations))
            if evaluations and key not in seen:
                seen.add(key)
                yield _Model(name=name, evaluations=evaluations)


def _name(one: FoundRecord, line: ModelLine) -> str:
    """Name a model: the base as it was asked for, a checkpoint by its run."""
    record = one.record
    if line is record.base:
        return record.base_model
    run = one.path if one.path.is_dir() else None
    return line.name if run is None else "/".join((*run.resolve().parts[-5:], line.name))


def _evaluations(
    one: FoundRecord,
    line: ModelLine,
    benchmarks: Mapping[str, Benchmark],
    omitted: dict[str, str],
) -> Iterator[Evaluation]:
    """Yield what was evaluated of a model, and note what is left out."""
    for exam, folder in line.evaluations.items():
        if exam == one.record.task:
            omitted[exam] = "it is graded by the dataset's verifier, and no task of lm-eval"
        elif exam not in benchmarks:
            omitted[exam] = "no plugin that is installed here brings it"
        elif (evaluation := intact_evaluation(one.root / folder)) is not None:
            yield evaluation
        else:
            omitted[f"{line.name}, {exam}"] = "it has not been evaluated yet"


def _write(
    folder: Path, model: _Model, benchmarks: Mapping[str, Benchmark], mirror: Mirror
) -> list[Path]:
    answered = [
        Answered(
            benchmark=benchmarks[evaluation.exam],
            items=read_items(evaluation.items_file),
            score=evaluation.score,
        )
        for evaluation in model.evaluations
    ]
    results = replay(answered, mirror)
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        staging = Path(mkdtemp(prefix=".forget-", dir=folder))
        try:
            return [
                _moved(file, folder / file.parent.name)
                for file in write_results(staging, results, _replayed(model))
            ]
        finally:
            shutil.rmtree(staging)


def _moved(file: Path, folder: Path) -> Path:
    if folder.exists() and not folder.is_dir():
        raise OutputError(
            f"The results of a model go into the folder {folder}, which is a file. Move it away, "
            "or name another folder with --lm-eval."
        )
    folder.mkdir(exist_ok=True)
    return file.replace(folder / file.name)


def _replayed(model: _Model) -> Replayed:
    manifests = [read_manifest(evaluation.folder) for evaluation in model.evaluations]
    details = [manifest.details for manifest in manifests if manifest is not None]
    limits = {
        evaluation.items
        for evaluation in model.evaluations
        if evaluation.items < evaluation.details.get("required_items", 0)
    }
    return Replayed(
        name=model.name,
        fingerprint=details[0]["fingerprint"],
        seconds=sum(took for one in details for took, _ in one.get("time", {}).values()),
        finished=max(e.items_file.stat().st_mtime for e in model.evaluations),
        limit=limits.pop() if len(limits) == 1 else None,
    )
