"""GSM8K: grade-school word problems with worked solutions (Cobbe et al. 2021, arXiv 2110.14168)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Example, Source, Verdict
from forget.errors import DataError
from forget.hooks import hookimpl
from forget_datasets.numeric_answer import judge, normalise

__all__ = ["Gsm8k", "forget_datasets"]

INSTRUCTION = "Reason step by step, and end with a last line of the form `#### <number>`."

_CALCULATOR_NOTE = re.compile(r"<<[^<>\n]*>>")


class Gsm8k:
    """7,473 training and 1,319 test problems, graded by their final number."""

    name = "gsm8k"
    title = "GSM8K"
    summary = "Grade-school word problems with worked solutions; the final number is graded"
    max_new_tokens = 512
    source = Source(
        hub="openai/gsm8k", config="main", mirror="gsm8k", rows={"train": 7473, "test": 1319}
    )

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """Return the problems of ``train`` or ``test`` in the order of the published files.

        Raises:
            DataError: The split is missing, or a row is not a GSM8K row.
        """
        rows = data.rows(self.source, split)
        return [_example(row, f"{split}-{index:05d}") for index, row in enumerate(rows)]

    def prompt(self, example: Example) -> list[Message]:
        """Ask for reasoning and for the closing line that the solutions have too."""
        return [{"role": "user", "content": f"{example.question}\n\n{INSTRUCTION}"}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """Compare the final number; a completion that was cut must have given it before the cut."""
        return judge(example.answer, completion)


def _example(row: Mapping[str, Any], row_id: str) -> Example:
    """Turn a row into an example: calculator notes ``<<48/2=24>>`` go, the closing line stays.

    Its level is the number of lines before the closing one; the authors wrote a step on each.
    """
    question, solution = row.get("question"), row.get("answer")
    if not isinstance(question, str) or not isinstance(solution, str):
        raise DataError(
            f"Row {row_id} of GSM8K lacks the texts `question` and `answer`; it has the columns "
            f"{', '.join(map(str, row)) or 'none'}. Get the data again from openai/gsm8k."
        )
    reasoning, mark, final = solution.rpartition("####")
    answer = normalise(final) if mark else None
    if answer is None:
        raise DataError(
            f"Row {row_id} of GSM8K does not end with `#### <number>`: its answer ends with "
            f"{solution[-40:]!r}. Get the data again from openai/gsm8k, or correct the row."
        )
    steps = _CALCULATOR_NOTE.sub("", reasoning).strip()
    lines = sum(bool(line.strip()) for line in steps.splitlines())
    return Example(
        id=row_id,
        question=question.strip(),
        solution=f"{steps}\n#### {answer}".lstrip(),
        answer=answer,
        level=f"{lines} step{'s' * (lines != 1)}",
    )


@hookimpl
def forget_datasets() -> Iterable[Dataset]:
    """Yield GSM8K."""
    yield Gsm8k()
