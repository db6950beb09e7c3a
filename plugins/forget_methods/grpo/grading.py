"""What completions are worth, and what the curve tells of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import chain
from typing import Any, NamedTuple

from forget.dataset import Dataset
from forget.inference.generation import read_completion
from forget.training import together
from forget.training.examples import Conversation
from forget.training.rollouts.rewards import Reward

__all__ = ["Grader", "Grades", "shares"]


class Grades(NamedTuple):
    """What is known of one completion.

    Attributes:
        reward: What it is worth.
        correct: What the dataset's verifier says.
        finished: The model ended it itself.
    """

    reward: float
    correct: bool
    finished: bool


class Grader:
    """Rewards completions as `trl.GRPOTrainer` asks for it.

    Args:
        dataset: Its verifier is asked.
        reward: Makes a number of what it says.
        questions: What is asked; the trainer names them by their place here.
        tokenizer: The model's tokenizer.
        ends: The tokens that end a completion.
        tell: Told the `shares` of every batch.
    """

    def __init__(
        self,
        dataset: Dataset,
        reward: Reward,
        questions: Sequence[Conversation],
        *,
        tokenizer: Any,
        ends: set[int],
        tell: Callable[[Mapping[str, float]], None],
    ) -> None:
        self._dataset = dataset
        self._reward = reward
        self._questions = questions
        self._tokenizer = tokenizer
        self._ends = ends
        self._tell = tell

    def rewards(
        self,
        *,
        completion_ids: Sequence[Sequence[int]],
        question: Sequence[int],
        log_metric: Callable[[str, float], None],
        **_: Any,
    ) -> list[float]:
        """Return the reward of each completion.

        Args:
            completion_ids: The tokens that were drawn, the ending one included.
            question: Place of the question that each answers.
            log_metric: Takes a number for the curve.

        Raises:
            WorkError: The reward failed, or is no finite number.
        """
        asked = [self._questions[place] for place in question]
        grades = [self._grade(*pair) for pair in zip(asked, completion_ids, strict=True)]
        groups: dict[int, list[Grades]] = {}
        # Processes share a step's completions, and a group may be at two of them.
        graded = list(zip(question, grades, strict=True))
        for place, grade in chain.from_iterable(together.gather(graded)):
            groups.setdefault(place, []).append(grade)
        found = shares(list(groups.values()))
        for name, value in found.items():
            log_metric(name, value)
        self._tell(found)
        return [grade.reward for grade in grades]

    def _grade(self, question: Conversation, tokens: Sequence[int]) -> Grades:
        assert question.example is not None  # only such questions are prepared
        completion = read_completion(self._tokenizer, tokens, self._ends)
        verdict = self._dataset.verify(question.example, completion)
        worth = self._reward(question.example, completion, verdict)
        return Grades(worth, verdict.correct, completion.finished)


def shares(groups: Sequence[Sequence[Grades]]) -> dict[str, float]:
    """Return what a batch is like, each a share from 0 to 1.

    Args:
        groups: The completions of each question.

    Returns:
        ``correct_share`` and ``truncated_share`` of the completions; ``no_signal_share`` of the
        groups, those whose rewards are all equal and whose advantages are therefore 0, and of the
        groups those among them that are ``all_right_share`` and ``all_wrong_share``.
    """
    everything = [grades for group in groups for grades in group]
    still = [group for group in groups if len({grades.reward for grades in group}) == 1]
    return {
        "correct_share": sum(g.correct for g in everything) / len(everything),
        "truncated_share": sum(not g.finished for g in everything) / len(everything),
        "no_signal_share": len(still) / len(groups),
        "all_right_share": sum(all(g.correct for g in group) for group in still) / len(groups),
        "all_wrong_share": sum(not any(g.correct for g in group) for group in still) / len(groups),
    }
