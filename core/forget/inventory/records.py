"""One line of the inventory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import attrs

__all__ = ["Entry", "Format", "State", "teacher_label"]

Format = Literal["source", "SFT", "pairs", "prompts", "trajectories"]
State = Literal["complete", "unfinished", "damaged", "missing", "hub", "generated"]


@attrs.frozen(kw_only=True)
class Entry:
    """A data set of a study: a split of a source, prepared data, or a store of completions.

    Attributes:
        folder: Where it is: below the output folder, below the mirror, or its id on the Hub.
        path: The folder or file on this machine; None where there is none.
        format: ``source`` (a published split), ``SFT`` (prompts with completions), ``pairs``
            (prompts with a preferred and a rejected one), ``prompts``, or ``trajectories``
            (completions of a teacher, right and wrong ones).
        dataset: The dataset it is, or was made from.
        split: The split of a source.
        purpose: What it is for.
        rows: How many rows it has; None if nobody knows without fetching or repairing it.
        expected: How many rows it should have; None if nobody says.
        kept_fraction: Share of what it was made from that is in it.
        pass_rate: Share of the teacher's completions that are correct; None if nobody says.
        teacher: Who wrote its completions: its name, and its model's where that is another.
        sampling: How they were drawn.
        digest: Content digest of prepared data: equal data has equal digests.
        runs: The run directories that use it, below the output folder.
        bytes: Size on this machine.
        state: ``complete``; ``unfinished`` (less than expected); ``damaged``; ``missing`` (not in
            the mirror); ``hub`` (read from the Hub when it is used); ``generated`` (by code).
        problem: What is wrong with it.
    """

    folder: str
    path: Path | None
    format: Format
    dataset: str
    state: State
    split: str = ""
    purpose: str = ""
    rows: int | None = None
    expected: int | None = None
    kept_fraction: float | None = None
    pass_rate: float | None = None
    teacher: str = ""
    sampling: Mapping[str, Any] = attrs.field(factory=dict)
    digest: str = ""
    runs: tuple[str, ...] = ()
    bytes: int = 0
    problem: str = ""


def teacher_label(teacher: Mapping[str, Any]) -> str:
    """Return what a teacher is called in the inventory, from what a manifest says of it."""
    name, model = str(teacher.get("name", "")), str(teacher.get("model") or "")
    return f"{name} ({model})" if model and model != name else name
