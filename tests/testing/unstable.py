"""Plugins that are others in every process; a module that another process can import."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from forget.dataset import DataAccess, Example
from forget.testing import Graded


class Sums(Graded):
    """Sums whose splits have no example in common; sound in every way."""

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        numbers = range(8) if split == "train" else range(8, 12)
        return [attrs.evolve(super(Sums, self).load(split, data)[n], id=str(n)) for n in numbers]


class Hashed(Sums):
    """Its ids are hashes of texts."""

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        return [attrs.evolve(e, id=str(hash(e.question))) for e in super().load(split, data)]
