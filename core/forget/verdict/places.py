"""What a user means by ``RUN``, ``RUN:step-000100`` or a model's folder in a run."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from forget.errors import DataError
from forget.evaluation.record import ModelLine, SweepRecord, read_record
from forget.store.layout import RunFolder, checkpoint_step

__all__ = ["Place", "line_of", "place_of"]


class Place(NamedTuple):
    """A run directory, and the name of one of its models; None for the last checkpoint."""

    run: RunFolder
    model: str | None


def place_of(text: str) -> Place | None:
    """Read ``RUN``, ``RUN:step-000100`` or the folder of a model in a run that knows its name.

    Returns:
        The run; None if it is none of these.
    """
    whole = RunFolder(Path(text))
    if whole.runfile.is_file():
        return Place(whole, None)
    before, _, name = text.rpartition(":")
    if before and RunFolder(Path(before)).runfile.is_file():
        return Place(RunFolder(Path(before)), name)
    folder = Path(text).absolute()
    run = RunFolder(folder.parent.parent)
    if folder.parent == run.checkpoints and run.runfile.is_file() and run.sweep.is_file():
        names = {line.name for line in read_record(run.sweep).checkpoints}
        return Place(run, folder.name) if folder.name in names else None
    return None


def line_of(record: SweepRecord, place: Place, text: str) -> ModelLine:
    """Find a model of a run by its name; without one, the last checkpoint that was trained.

    Args:
        record: What the run has evaluated.
        place: What is meant.
        text: How the user wrote it.

    Raises:
        DataError: The run has evaluated no such model.
    """
    lines = {line.name: line for line in (record.base, *record.checkpoints)}
    trained = [line for line in record.checkpoints if checkpoint_step(line.name) is not None]
    if place.model is not None and place.model in lines:
        return lines[place.model]
    if place.model is None and trained:
        return trained[-1]
    missing = "checkpoint" if place.model is None else repr(place.model)
    raise DataError(
        f"{text}: the run has evaluated no {missing}. It has {', '.join(lines)}. Write "
        f"{place.run.path}:NAME, or continue the run by its own command."
    )
