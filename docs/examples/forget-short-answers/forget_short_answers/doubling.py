"""A dataset made by code: twice a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Example, Verdict
from forget.errors import DataError
from forget.hooks import hookimpl

SPLITS = {"train": range(100), "test": range(100, 150)}


class Doubling:
    """100 training and 50 test problems."""

    name = "doubling"
    title = "Doubling"
    summary = "Twice a number"
    max_new_tokens = 16

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """Return the problems of a split; `data` gives rows to datasets that are files."""
        if split not in SPLITS:
            raise DataError(f"doubling has no split {split!r}; it has {', '.join(SPLITS)}.")
        return [
            Example(
                id=f"{split}-{n}",
                question=f"What is 2 * {n}?",
                solution=f"{n} + {n} = {2 * n}.\n#### {2 * n}",
                answer=str(2 * n),
            )
            for n in SPLITS[split]
        ]

    def prompt(self, example: Example) -> list[Message]:
        """Ask for the closing line that the verifier reads."""
        return [{"role": "user", "content": f"{example.question} End with #### and the number."}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """Compare the number after the last mark."""
        _, mark, rest = completion.text.rpartition("####")
        said = rest.strip() if mark else None
        return Verdict(
            correct=said == example.answer,
            extracted=said,
            reason="no #### found" if said is None else "compared as text",
            truncated=not completion.finished,
        )


@hookimpl
def forget_datasets() -> Iterable[Dataset]:
    """Yield the dataset."""
    yield Doubling()
