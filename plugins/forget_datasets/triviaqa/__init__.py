"""TriviaQA: trivia questions with many accepted answers (Joshi et al. 2017, arXiv 1705.03551).

Asked without documents (closed book). The held-out split, ``test`` here, is the published
validation split, since the published test split has no answers. 7,500 of the published training
questions are used: those with the lowest SHA-256 of a seed and the question, which is a random draw
that does not depend on the order of the rows. From a source with fewer rows, all may be drawn.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from forget.completion import Completion, Message
from forget.dataset import DataAccess, Dataset, Example, Source, Verdict
from forget.errors import DataError
from forget.hooks import hookimpl
from forget_datasets.triviaqa.answers import judge, pack_answers

__all__ = ["TriviaQa", "forget_datasets"]

TRAIN_SIZE = 7500
SEED = 20_240_917

INSTRUCTION = (
    "Give a short answer: a name, a number or a few words. "
    "End with a last line of the form `Answer: <short answer>`."
)

_PUBLISHED_SPLITS = {"train": "train", "test": "validation"}


class TriviaQa:
    """7,500 training and 11,313 test questions, graded by exact match with an accepted answer."""

    name = "triviaqa"
    title = "TriviaQA"
    summary = "Closed-book trivia questions; the short answer is graded by exact match"
    max_new_tokens = 256
    source = Source(
        hub="mandarjoshi/trivia_qa",
        config="unfiltered.nocontext",
        mirror="triviaqa",
        splits={"train": "train", "validation": "validation"},
        rows={"validation": 11313},  # a mirror may hold a part of the training split
        most_examples={"train": TRAIN_SIZE},
    )

    def load(self, split: str, data: DataAccess) -> Sequence[Example]:
        """Return the questions of ``train`` or ``test`` in the order of the rows.

        A question that comes twice is used once.

        Raises:
            DataError: There is no such split, or a row is not a TriviaQA row.
        """
        if split not in _PUBLISHED_SPLITS:
            raise DataError(
                f"triviaqa has no split {split!r}; it has {', '.join(_PUBLISHED_SPLITS)}."
            )
        examples: dict[str, Example] = {}
        for index, row in enumerate(data.rows(self.source, _PUBLISHED_SPLITS[split])):
            example = _example(row, split, index)
            examples.setdefault(example.question, example)
        if split == "train":
            drawn = {*sorted(examples, key=_draw)[:TRAIN_SIZE]}
            return [example for question, example in examples.items() if question in drawn]
        return list(examples.values())

    def prompt(self, example: Example) -> list[Message]:
        """Ask for a short answer on a closing line."""
        return [{"role": "user", "content": f"{example.question}\n\n{INSTRUCTION}"}]

    def verify(self, example: Example, completion: Completion) -> Verdict:
        """Compare the short answer with all accepted ones; its line must have ended."""
        return judge(example.answer, completion)


def _example(row: Mapping[str, Any], split: str, index: int) -> Example:
    """Turn a row into an example.

    Its answer is a JSON list of the accepted answers, the one to show first; see `pack_answers`.
    """
    question, answer = row.get("question"), row.get("answer")
    value = answer.get("value") if isinstance(answer, Mapping) else None
    aliases = answer.get("aliases") if isinstance(answer, Mapping) else None
    texts = [value, *aliases] if isinstance(aliases, Sequence) else [None]
    if not isinstance(question, str) or not all(isinstance(text, str) for text in texts):
        raise DataError(
            f"Row {split}-{index:05d} of TriviaQA lacks the text `question` or the texts `value` "
            f"and `aliases` in `answer`; it has the columns {', '.join(map(str, row)) or 'none'}. "
            f"Get the data again from {TriviaQa.source.hub}."
        )
    accepted = pack_answers([str(text) for text in texts])
    if accepted == "[]":
        raise DataError(
            f"Row {split}-{index:05d} of TriviaQA has no answer that is not empty. Get the data "
            f"again from {TriviaQa.source.hub}, or correct the row."
        )
    question = question.strip()
    return Example(
        id=f"{split}-{_digest(question)[:16]}",
        question=question,
        solution=f"Answer: {' '.join(str(value).split())}",
        answer=accepted,
    )


def _draw(question: str) -> str:
    """Return what questions are drawn by: the lowest are taken."""
    return _digest(f"{SEED}:{question}")


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


@hookimpl
def forget_datasets() -> Iterable[Dataset]:
    """Yield TriviaQA."""
    yield TriviaQa()
