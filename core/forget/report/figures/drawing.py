"""What a module of a figure gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NamedTuple

import attrs

from forget.report.material import Material
from forget.report.selection import Group, file_name, groups, judged, named

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

__all__ = ["Draw", "Drawing", "Omitted", "Shown", "number"]


class Drawing(NamedTuple):
    """A figure, and its file's name without an ending."""

    name: str
    figure: Figure


class Omitted(NamedTuple):
    """A figure that cannot be drawn, and why."""

    name: str
    reason: str


@attrs.frozen(kw_only=True)
class Shown:
    """What figures are drawn from.

    Attributes:
        material: All of it.
        frame: Its results, named by `selection.named`.
        last: Those of them that are judged, `selection.judged`.
    """

    material: Material
    frame: pd.DataFrame
    last: pd.DataFrame

    @classmethod
    def of(cls, material: Material) -> Shown:
        """Take from a material what figures need of it."""
        frame = named(material.results)
        return cls(material=material, frame=frame, last=judged(frame))

    @property
    def groups(self) -> list[Group]:
        """The groups of runs, at their last checkpoints."""
        return list(groups(self.last))

    def names_of_runs(self) -> dict[str, str]:
        """Return a name for the files of each run by its path; no two are the same."""
        used: set[str] = set()
        runs = self.frame.drop_duplicates("path")
        return {
            str(path): file_name(str(run), used)
            for path, run in zip(runs["path"], runs["run"], strict=True)
        }

    def methods(self) -> dict[str, int]:
        """Number the methods, so that each looks the same in every figure."""
        return {str(name): index for index, name in enumerate(self.frame["method_label"].unique())}


Draw = Callable[[Shown], Iterator[Drawing | Omitted]]
"""The face of a module of a figure."""


def number(name: str, index: int, count: int) -> str:
    """Number the files of a figure that takes several."""
    return name if count == 1 else f"{name}-{index + 1}"
