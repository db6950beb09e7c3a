"""Which evaluations belong together: a base model and the checkpoints compared with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import attrs

from forget.convert import BadValue, structure, to_plain
from forget.errors import DataError
from forget.store.atomic import write_json

__all__ = ["ModelLine", "SweepRecord", "read_record", "recorded_digests", "write_record"]


@attrs.frozen(kw_only=True)
class ModelLine:
    """One model of a sweep.

    Attributes:
        name: ``base``, ``step-000100``, or a checkpoint folder's path.
        step: Optimiser step; None where it is not known.
        digest: The model's digest.
        evaluations: Exam to evaluation folder, relative to the output folder.
        drift: How far it is from the base, see `training.drift.meter.Meter.measure`; empty where
            that was not measured.
    """

    name: str
    step: int | None
    digest: str
    evaluations: dict[str, str]
    drift: dict[str, Any] = attrs.field(factory=dict)


@attrs.frozen(kw_only=True)
class SweepRecord:
    """What `forget report` reads.

    Attributes:
        title: What was compared: the run's path, or the checkpoints'.
        base_model: The base model's name.
        benchmarks: The benchmarks that were asked for, in order.
        task: The exam of task accuracy, if the sweep has one.
        base: The base model.
        checkpoints: In the order of their steps, or as given.
        fingerprint: The engine's fingerprint, common to all.
    """

    title: str
    base_model: str
    benchmarks: tuple[str, ...]
    task: str | None
    base: ModelLine
    checkpoints: tuple[ModelLine, ...]
    fingerprint: dict[str, str]


def write_record(path: Path, record: SweepRecord) -> None:
    """Write a record at once."""
    write_json(path, to_plain(record))


def recorded_digests(path: Path) -> dict[str, str]:
    """Return the digest of each model that is compared with the base, by its name.

    The same as by `read_record`, for who asks of hundreds of runs and needs no more; nothing if
    there is no record, or it is damaged.
    """
    try:
        plain = json.loads(path.read_text(encoding="utf-8"))
        return {str(line["name"]): str(line["digest"]) for line in plain["checkpoints"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def read_record(path: Path) -> SweepRecord:
    """Read a record.

    Raises:
        DataError: There is none, or it is damaged.
    """
    try:
        plain: Mapping[str, object] = json.loads(path.read_text(encoding="utf-8"))
        return structure(plain, SweepRecord)
    except FileNotFoundError:
        raise DataError(
            f"{path.parent} has not been evaluated yet: there is no {path.name}. "
            "Run its `forget run` command again to continue it."
        ) from None
    except (ValueError, BadValue) as error:
        raise DataError(f"{path} is damaged: {error}. Run the command again.") from error
