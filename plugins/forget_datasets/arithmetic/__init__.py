"""Arithmetic word problems made by code, small enough for a laptop: the embedded default."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Example, Verdict
from forget.errors import DataError
from forget.hooks import hookimpl
from forget_datasets.arithmetic.data import SIZES, examples
from forget_datasets.numeric_answer import judge

__all__ = ["Arithmetic", "forget_datasets"]

INSTRUCTION = "Solve the problem. End with #### and the number."

WORKED_EXAMPLES = (
    ("Tom has 5 eggs and buys 2 more. How many eggs does Tom have now?", "5 + 2 = 7 eggs.\n#### 7"),
    ("Lucy has 9 nuts and eats 3. How many nuts are left?", "9 - 3 = 6 nuts left.\n#### 6"),
)
"""Earlier turns of the prompt. Without them a model of this size writes neither the closing line
nor the end of its turn; with them in one message it goes on with new questions."""


class Arithmetic:
    """2,000 training and 500 test problems of one or two steps, graded by their final number."""

    name = "arithmetic"
    title = "Arithmetic"
    summary = "Generated one- and two-step word problems; needs no download"
    max_new_tokens = 64

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """Return the problems of ``train`` or ``test``; `data` is not used.

        Raises:
            DataError: There is no such split.
        """
        if split not in SIZES:
            raise DataError(f"arithmetic has no split {split!r}; it has {', '.join(SIZES)}.")
        return examples(split)

    def prompt(self, example: Example) -> list[Message]:
        """Ask the question after worked examples that show the closing line."""
        messages: list[Message] = [{"role": "system", "content": INSTRUCTION}]
        for question, solution in WORKED_EXAMPLES:
            messages.append({"role": "user", "content": question})
            messages.append({"role": "assistant", "content": solution})
        return [*messages, {"role": "user", "content": example.question}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """Compare the final number; a completion that was cut must have given it before the cut."""
        return judge(example.answer, completion)


@hookimpl
def forget_datasets() -> Iterable[Dataset]:
    """Yield the arithmetic problems."""
    yield Arithmetic()
