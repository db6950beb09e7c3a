r"""MATH: competition problems with worked solutions (Hendrycks et al. 2021, arXiv 2103.03874).

Of the 7,500 training problems 7,498 are used. Two solutions end in an empty ``\boxed{}``
(``train/number_theory/7115.json`` and ``7117.json``): no completion can be right there, so they are
of no use as a reward. All other gold answers verify against themselves, which a test computes for
each of them. All 5,000 test problems are used, one of which (``test/precalculus/24307.json``) was
published as a training problem too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Example, Source, Verdict
from forget.errors import DataError
from forget.hooks import hookimpl
from forget_datasets.answer_text import find_boxed

__all__ = ["Math", "forget_datasets"]

INSTRUCTION = "Reason step by step, and put the final answer in \\boxed{}."


class Math:
    r"""7,498 training and 5,000 test problems, graded by the last ``\boxed{}``."""

    name = "math"
    title = "MATH"
    summary = "Competition problems with worked solutions; the boxed answer is graded by value"
    max_new_tokens = 1024
    source = Source(
        hub="EleutherAI/hendrycks_math",
        config=(
            "algebra",
            "counting_and_probability",
            "geometry",
            "intermediate_algebra",
            "number_theory",
            "prealgebra",
            "precalculus",
        ),
        mirror="math",
        rows={"train": 7500, "test": 5000},
        most_examples={"train": 7498},
    )

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """Return the problems of ``train`` or ``test`` in the order of the rows.

        Training problems without an answer are left out.

        Raises:
            DataError: The split is missing, or a row is not a MATH row.
        """
        rows = data.rows(self.source, split)
        examples = [_example(row, split, index) for index, row in enumerate(rows)]
        return [example for example in examples if example.answer or split != "train"]

    def prompt(self, example: Example) -> list[Message]:
        """Ask for reasoning and for the box that the solutions have too."""
        return [{"role": "user", "content": f"{example.question}\n\n{INSTRUCTION}"}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """Compare the boxed answer by value; in a completion that was cut it must be closed.

        Raises:
            WorkError: The processes that compare values cannot be started.
        """
        from forget_datasets.math.answers import judge

        return judge(example.answer, completion)


def _example(row: Mapping[str, Any], split: str, index: int) -> Example:
    r"""Turn a row into an example; its answer is what the last ``\boxed{}`` of the solution has."""
    question, solution = row.get("problem"), row.get("solution")
    if not isinstance(question, str) or not isinstance(solution, str):
        raise DataError(
            f"Row {split}-{index:05d} of MATH lacks the texts `problem` and `solution`; it has the "
            f"columns {', '.join(map(str, row)) or 'none'}. Get the data again from "
            f"{Math.source.hub}."
        )
    boxed = find_boxed(solution)
    if boxed is None or boxed.reopened:
        raise DataError(
            f"Row {split}-{index:05d} of MATH has no closed \\boxed{{}} in its solution, which "
            f"ends with {solution[-40:]!r}. Get the data again from {Math.source.hub}, or correct "
            "the row."
        )
    level = str(row.get("level") or "")
    return Example(
        id=_id(row, split, question),
        question=question.strip(),
        solution=solution.strip(),
        answer=boxed.content,
        level="" if "?" in level else level,
    )


def _id(row: Mapping[str, Any], split: str, question: str) -> str:
    """Return the official file's name, or, where a row has none, one made of the problem."""
    named = row.get("unique_id")
    if named:
        return str(named)
    digest = hashlib.sha256(question.encode("utf-8", "surrogatepass")).hexdigest()[:12]
    return f"{split}/{row.get('subject') or row.get('config') or 'math'}/{digest}"


@hookimpl
def forget_datasets() -> Iterable[Dataset]:
    """Yield MATH."""
    yield Math()
