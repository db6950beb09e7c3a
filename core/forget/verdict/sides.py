"""What the two sides of `forget compare` are: runs, models, results of lm-eval."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import cast

import attrs

from forget.benchmark import Benchmark
from forget.errors import DataError, ModelError, UnknownNameError
from forget.evaluation.exam import BenchmarkExam, Exam
from forget.evaluation.items import read_items
from forget.evaluation.record import read_record
from forget.evaluation.sweep import Evaluation, Sweep, intact_evaluation, read_evaluation
from forget.inference.models import ModelReference, obtain_model
from forget.progress import Progress
from forget.session import Session
from forget.store.layout import Workspace
from forget.store.manifest import read_manifest
from forget.verdict.answered import Answered, Side
from forget.verdict.foreign import foreign_side, is_foreign
from forget.verdict.places import line_of, place_of

__all__ = ["evaluated", "find_sides", "is_model", "shared"]

_DEFAULT_BENCHMARKS = ("core10",)

_UNPROMPTED = {"n-shot": "0", "chat_template": "none", "system_instruction": "none"}
"""How benchmarks are asked here, in the words of lm-eval's results."""

_LM_EVALS_NAMES = {"stock": "hf"}
"""Engines that lm-eval has too, by the names that it gives them."""


def is_model(text: str) -> bool:
    """Say whether a side is neither a run nor results of lm-eval, and has to be evaluated."""
    return place_of(text) is None and not _is_results(Path(text))


def find_sides(
    texts: tuple[str, str],
    session: Session,
    selection: Sequence[str] | None,
    limit: int | None,
) -> tuple[Side, Side]:
    """Find what two sides are, and what they have answered or will; nothing is evaluated yet.

    Args:
        texts: What the user calls them, base first.
        session: Where and how models are evaluated.
        selection: Benchmarks and suites. Without, a model is evaluated on what the other side has,
            and two models on the suite `core10`.
        limit: Models are scored on only this many items of each benchmark.

    Raises:
        RequestError: A side is nothing that can be compared.
    """
    registered = {
        name: cast("Benchmark", found.record)
        for name, found in session.plugins.all("benchmarks").items()
    }
    found = [None if is_model(text) else _finished(text, registered) for text in texts]
    finished = next((side for side in found if side is not None), None)
    if selection is None:
        selection = _DEFAULT_BENCHMARKS
        if finished is not None:
            selection = [name for name in finished.answered if name in registered]
    base, other = (
        side if side is not None else _model(text, session, selection, limit)
        for side, text in zip(found, texts, strict=True)
    )
    return base, other


def evaluated(side: Side, progress: Progress) -> Side:
    """Return a side with all its items, which may take long."""
    return side if side.evaluate is None else side.evaluate(progress)


def shared(
    sides: tuple[Side, Side], wanted: Sequence[str] | None
) -> list[tuple[Answered, Answered]]:
    """Return what both sides have answered, benchmarks first, then the trained task.

    Args:
        sides: The two sides, base first.
        wanted: The names of the benchmarks to compare; None takes all that both have.

    Raises:
        DataError: One of them lacks a benchmark, or they have none in common.
    """
    base, other = sides
    for name in wanted or ():
        for side in sides:
            if name not in side.answered:
                reason = side.left_out.get(name) or f"it has {', '.join(side.answered) or 'none'}"
                raise DataError(f"{side.name} has no answers to {name}: {reason}.")
    names = list(wanted or (name for name in base.answered if name in other.answered))
    pairs = [(base.answered[name], other.answered[name]) for name in names]
    if all(answered.is_task for answered, _ in pairs):
        raise DataError(
            f"{base.name} and {other.name} have no benchmark in common: the one has answers to "
            f"{', '.join(base.answered) or 'none'}, the other to "
            f"{', '.join(other.answered) or 'none'}."
        )
    return sorted(pairs, key=lambda pair: pair[0].is_task)


# --- what has been evaluated


def _finished(text: str, registered: Mapping[str, Benchmark]) -> Side:
    place = place_of(text)
    if place is None:
        return foreign_side(Path(text), text, list(registered.values()))
    root = Workspace.of_run(place.run.path).root
    record = read_record(place.run.sweep)
    line = line_of(record, place, text)
    found = {exam: intact_evaluation(root / folder) for exam, folder in line.evaluations.items()}
    return Side(
        name=text,
        model=record.base_model if line is record.base else f"{record.title}, {line.name}",
        answered={
            name: _answered(evaluation, registered.get(name))
            for name, evaluation in found.items()
            if evaluation is not None
        },
        left_out={
            name: "it has not been evaluated on it yet; continue the run by its own command"
            for name, evaluation in found.items()
            if evaluation is None
        },
    )


def _is_results(path: Path) -> bool:
    """Say whether it is results of lm-eval; a model with some beside it is a model."""
    configs = ("config.json", "adapter_config.json")
    return is_foreign(path) and not any((path / name).is_file() for name in configs)


def _answered(evaluation: Evaluation, benchmark: Benchmark | None) -> Answered:
    manifest = read_manifest(evaluation.folder)
    assert manifest is not None
    return Answered(
        benchmark=evaluation.exam,
        title=benchmark.title if benchmark else evaluation.exam,
        metric=evaluation.metric,
        chance=benchmark.chance if benchmark else None,
        details=evaluation.details,
        origin="forget",
        settings=_settings(manifest.details["fingerprint"], evaluation.folder.parent.name),
        read=partial(read_items, evaluation.items_file),
    )


def _settings(fingerprint: Mapping[str, str], key: str) -> dict[str, str]:
    """Return the settings of an evaluation of ours.

    Args:
        fingerprint: The engine's.
        key: The exam's key, which ends in a hash.
    """
    engine = fingerprint["engine"]
    asked = {} if key.startswith("task-") else _UNPROMPTED
    return {
        **fingerprint,
        **asked,
        "engine": _LM_EVALS_NAMES.get(engine, engine),
        "questions": key.rpartition("-")[2],
    }


# --- what is evaluated for the comparison


def _model(text: str, session: Session, selection: Sequence[str], limit: int | None) -> Side:
    """Plan the evaluation of a model."""
    try:
        model = session.model(text)
    except (ModelError, UnknownNameError) as error:
        raise ModelError(
            f"{text} is neither a run directory nor results of lm-eval, and no usable model "
            f"either: {error}"
        ) from error
    exams = session.exams(selection, limit)
    for exam in exams:
        exam.check()
    sweep = session.sweep(exams, model.folder)
    missing = exams if model.folder is None else sweep.missing(model.digest(recompute=False))
    side = Side(
        name=text,
        model=model.name,
        answered={
            exam.name: _to_come(exam, benchmark, sweep, exam in missing)
            for exam, benchmark in zip(exams, session.benchmarks(selection), strict=True)
        },
    )
    evaluate = partial(_evaluate, side, model, session, exams)
    return attrs.evolve(side, evaluate=evaluate)


def _to_come(exam: Exam, benchmark: Benchmark, sweep: Sweep, missing: bool) -> Answered:
    assert isinstance(exam, BenchmarkExam)
    return Answered(
        benchmark=exam.name,
        title=benchmark.title,
        metric=exam.metric,
        chance=benchmark.chance,
        details={"required_items": benchmark.items},
        origin="forget",
        settings=_settings(sweep.engine.fingerprint(), exam.key()),
        read=list,
        questions=exam.questions if missing else None,
    )


def _evaluate(
    side: Side, model: ModelReference, session: Session, exams: Sequence[Exam], progress: Progress
) -> Side:
    """Evaluate a model as `forget eval` does: what is finished is not done again."""
    folder = obtain_model(model, progress).folder
    assert folder is not None
    reference = attrs.evolve(model, folder=folder)
    sweep = session.sweep(exams, folder)
    sweep.run(folder, reference.digest(), side.name, progress)
    answered = {}
    for exam in exams:
        evaluation = read_evaluation(sweep.folder(reference.digest(), exam))
        assert evaluation is not None
        answered[exam.name] = attrs.evolve(
            side.answered[exam.name],
            settings=_settings(sweep.engine.fingerprint(), exam.key()),
            details=evaluation.details,
            read=partial(read_items, evaluation.items_file),
            questions=None,
        )
    return attrs.evolve(side, answered=answered, evaluate=None)
