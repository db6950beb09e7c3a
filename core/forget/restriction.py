"""Training on exactly the questions that another run kept: `--restrict-to RUN`.

A filter on correctness keeps the easier questions, so what a filtered method learns and forgets is
to be compared with ground truth on the same ones (selection bias). Every method can be restricted:
it is handed a dataset that has no other training examples.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Example, Verdict
from forget.errors import DataError
from forget.store.manifest import read_manifest

__all__ = ["Restricted", "Restriction", "read_restriction"]


@attrs.frozen(kw_only=True)
class Restriction:
    """The questions of another run.

    Attributes:
        source: Where they were read: the run directory or data folder.
        method: The method of that run, as its folder says.
        questions: Ids of the dataset's examples.
    """

    source: Path
    method: str
    questions: frozenset[str]

    @property
    def digest(self) -> str:
        """The name of this set of questions, whoever kept it."""
        return hashlib.sha256("\n".join(sorted(self.questions)).encode()).hexdigest()[:12]

    @property
    def label(self) -> str:
        """What the run directory and the tables call it: ``on-sf-sft-1a2b3c``."""
        return f"on-{self.method}-{self.digest[:6]}"

    def frozen(self) -> dict[str, Any]:
        """Return what makes a restricted run what it is."""
        return {"questions": len(self.questions), "digest": self.digest}


class Restricted:
    """A dataset whose training split holds some questions only; all else is the dataset's own."""

    def __init__(self, dataset: Dataset, restriction: Restriction) -> None:
        self._dataset = dataset
        self._restriction = restriction
        self.name, self.title, self.summary = dataset.name, dataset.title, dataset.summary
        self.max_new_tokens = dataset.max_new_tokens

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """See `Dataset.load`.

        Raises:
            DataError: The dataset lacks some of the questions.
        """
        examples = self._dataset.load(split, data)
        if split != "train":
            return examples
        wanted = self._restriction.questions
        found = [example for example in examples if example.id in wanted]
        if len(found) < len(wanted):
            raise DataError(
                f"{self._restriction.source} kept {len(wanted):,} questions of {self.name!r}, of "
                f"which only {len(found):,} are in its training split here. Use the data mirror "
                "that run was made with."
            )
        return found

    def prompt(self, example: Example) -> list[Message]:
        """See `Dataset.prompt`."""
        return self._dataset.prompt(example)

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """See `Dataset.verify`."""
        return self._dataset.verify(example, completion)


def read_restriction(folder: Path, dataset: str) -> Restriction:
    """Read which questions a run trains on.

    Args:
        folder: Its run directory, or the data folder in it.
        dataset: The dataset that is to be restricted.

    Raises:
        DataError: There is no complete data, or it is of another dataset.
    """
    from forget.training.examples import read_examples

    data = folder if read_manifest(folder) is not None else folder / "data"
    manifest = read_manifest(data)
    if manifest is None or manifest.kind != "data":
        raise DataError(
            f"--restrict-to {folder}: there is no run directory with prepared data. Give the "
            "folder of a run (runs/STUDY/MODEL/DATASET/METHOD/seed-N) whose data are complete."
        )
    other = manifest.details.get("dataset")
    if other != dataset:
        raise DataError(
            f"--restrict-to {folder}: that run trains on {other!r}, and this one on {dataset!r}. "
            "Choose a run on the same dataset."
        )
    rows = read_examples(data)
    return Restriction(
        source=folder,
        method=data.resolve().parent.parent.name,
        questions=frozenset(row.question for row in rows),
    )
