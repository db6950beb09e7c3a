"""Methods that write and learn in turns: the outer loop that drives them.

    <run>/rollouts/<dataset>/round-0-<12 hex>/   what the model wrote, one store a round
    <run>/rounds/round-0.json                    what was made of it: steps, rows, counts

A round starts from the checkpoint that the one before ended with: the model answers questions as it
stands, the method makes rows of the answers, and a phase of training learns them. Steps are counted
through all rounds. How long a round is follows from its rows, so a record tells it afterwards.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any, Literal

import attrs

from forget.method import TrainTask
from forget.progress import Advance
from forget.store.atomic import write_json
from forget.store.manifest import read_manifest
from forget.training import together
from forget.training.checkpoints import CheckpointStore
from forget.training.examples import Conversation, read_examples
from forget.training.phase import Phase, announce_published
from forget.training.plan import training_digest
from forget.training.rollouts.length import round_schedule
from forget.training.rollouts.policy import Rollout, write_rollouts
from forget.training.rollouts.questions import Prompt, as_it_is
from forget.training.rollouts.settings import RoundSettings
from forget.training.single import prepared

__all__ = ["Lesson", "Round", "train_rounds"]

_UNKNOWN = 2**62
"""Last step of a training whose later rounds are not made yet."""

_MANY_CUT = 0.5


@attrs.frozen(kw_only=True)
class Round:
    """What the model wrote in one round.

    Attributes:
        task: The task handed to `Method.train`.
        index: Its number, from 0.
        start: Checkpoint that wrote, and that training starts from; None for the base model.
        rollouts: The completions of each question that was asked.
        before: The round before it, for methods that learn from both; not that one's own.
    """

    task: TrainTask
    index: int
    start: Path | None
    rollouts: Sequence[Sequence[Rollout]]
    before: Round | None = None


@attrs.frozen(kw_only=True)
class Lesson:
    """What a method makes of a round.

    Attributes:
        rows: How many examples there are to learn from.
        fit: Takes the steps of the phase that is left, like `forget.training.phase.fit`.
        lr: Peak learning rate of the round.
        optimizer: What takes the steps.
        from_base: Training starts from the base model, and not from the checkpoint that wrote.
        found: What the round's record tells of it.
    """

    rows: int
    fit: Callable[[Phase, int, Advance], None]
    lr: float
    optimizer: Literal["adamw", "rmsprop"] = "adamw"
    from_base: bool = False
    found: Mapping[str, Any] = attrs.field(factory=dict)


@attrs.frozen
class _Record:
    """One line of the plan that is made on the way.

    Attributes:
        first: Steps of the run before the round.
        steps: Steps of the round.
        found: What was written and what was made of it.
    """

    first: int
    steps: int
    found: Mapping[str, Any]

    @property
    def last(self) -> int:
        return self.first + self.steps


def train_rounds(
    task: TrainTask,
    teach: Callable[[Round], Lesson],
    *,
    remember: bool = False,
    ask: Prompt = as_it_is,
) -> None:
    """Carry out the rounds of a training; called again after a crash, continue exactly.

    Args:
        task: The task handed to `Method.train`; its settings are `RoundSettings`.
        teach: Makes rows of what was written, a pure function of the round.
        remember: It needs the round before too.
        ask: What the model is given of each question.

    Raises:
        DataError: The data folder is incomplete.
        SettingsError: The batch sizes do not fit, or there is no step to do.
        ModelError: A model cannot be loaded.
        FrozenRunError: The folder holds checkpoints of another training.
        StorageError: The disk is full.
        WorkError: There is nothing to learn from in a round, a completion could not be had, the
            loss is not a number any more, or the memory does not suffice.
    """
    _Rounds(task, teach, remember, ask).run()


class _Rounds:
    def __init__(
        self, task: TrainTask, teach: Callable[[Round], Lesson], remember: bool, ask: Prompt
    ) -> None:
        manifest = prepared(task.data)
        self._task = task
        self._teach = teach
        self._remember = remember
        self._ask = ask
        self._settings: RoundSettings = task.settings
        self._training = training_digest(task.settings, task.seed, manifest.details["digest"])

    def run(self) -> None:
        records, done, resumed = together.from_main(self._begin)
        announce_published(self._task, self._store(records), resumed)
        if done:
            return
        if resumed:
            self._task.progress.note(f"continuing after step {resumed}")
        first, before = 0, None
        for index in range(self._settings.rounds):
            if index < len(records) and resumed >= records[index].last:
                first = records[index].last
                continue
            if index and before is None and self._remember:
                before = self._write(index - 1, records[index - 1].first, None)
            current = self._write(index, first, before)
            lesson = self._teach(current)
            first = self._learn(current, lesson, first, resumed)
            before = attrs.evolve(current, before=None)

    def _begin(self) -> tuple[list[_Record], bool, int]:
        """Clear away what was left half-written; return the plan so far and how far it is done."""
        records = list(self._records())
        store = self._store(records)
        store.clean()
        done = len(records) == self._settings.rounds and store.finished()
        return records, done, records[-1].last if done else store.resume_step()

    def _learn(self, current: Round, lesson: Lesson, first: int, resumed: int) -> int:
        """Learn from a round; return the step that it ends with."""
        task, index = self._task, current.index
        schedule = round_schedule(self._settings, lesson.rows, index)
        record = _Record(first, schedule.steps, {**_counts(current), **lesson.found})
        earlier = together.from_main(lambda: self._keep(index, record))
        store = self._store([*earlier, record])
        phase = Phase(
            task=task,
            store=store,
            schedule=schedule,
            lr=lesson.lr,
            first=first,
            start=None if lesson.from_base else current.start,
            tokens_before=self._tokens(store, first),
            optimizer=lesson.optimizer,
            labels={"round": index},
        )
        title = f"training, round {index + 1} of {self._settings.rounds}"
        with task.progress.task(title, schedule.steps) as advance:
            within = max(resumed, first)
            advance(within - first)
            lesson.fit(phase, within, advance)
        return phase.last

    def _write(self, index: int, first: int, before: Round | None) -> Round:
        task, settings = self._task, self._settings
        start = self._store([]).checkpoint(first) if first else None
        questions = self._questions(index)
        rollouts = together.from_main(
            lambda: write_rollouts(task, start or task.model, questions, index, self._ask)
        )
        current = Round(task=task, index=index, start=start, rollouts=rollouts, before=before)
        counts = _counts(current)
        task.progress.note(_in_words(index, settings.rounds, counts))
        if counts["truncated_share"] > _MANY_CUT:
            task.progress.note(
                f"{100 * counts['truncated_share']:.0f} % of the completions were cut at their "
                "length limit: raise max_completion_length, or what is learned is to be short."
            )
        return current

    def _questions(self, index: int) -> list[Conversation]:
        """Draw the questions of a round: each has its own sample, in the order of the data."""
        everything = read_examples(self._task.data)
        count = self._settings.questions_per_round
        if count is None or count >= len(everything):
            return everything
        rng = Random(f"{self._task.seed}/questions-{index}")  # noqa: S311 - not a secret
        return [everything[place] for place in sorted(rng.sample(range(len(everything)), count))]

    def _store(self, records: Sequence[_Record]) -> CheckpointStore:
        known = len(records) == self._settings.rounds
        return CheckpointStore(
            output=self._task.output,
            training=self._training,
            last_step=records[-1].last if known else _UNKNOWN,
        )

    def _tokens(self, store: CheckpointStore, first: int) -> int:
        manifest = read_manifest(store.checkpoint(first)) if first else None
        return int(manifest.details.get("tokens", 0)) if manifest is not None else 0

    def _file(self, index: int) -> Path:
        return self._task.output / "rounds" / f"round-{index}.json"

    def _keep(self, index: int, record: _Record) -> list[_Record]:
        """Write a round's record, after which no later one holds; return those before it."""
        plain = {"training": self._training, **attrs.asdict(record)}
        if self._read(index) != record:
            self._file(index).parent.mkdir(parents=True, exist_ok=True)
            write_json(self._file(index), plain)
            for later in range(index + 1, self._settings.rounds):
                self._file(later).unlink(missing_ok=True)
        return list(self._records())[:index]

    def _records(self) -> Iterator[_Record]:
        """Read the plan as far as it was made."""
        for index in range(self._settings.rounds):
            record = self._read(index)
            if record is None:
                return
            yield record

    def _read(self, index: int) -> _Record | None:
        try:
            plain = json.loads(self._file(index).read_text())
            if plain.pop("training") != self._training:
                return None
            return _Record(**plain)
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _counts(current: Round) -> dict[str, Any]:
    """Count what was written in a round."""
    written = [rollout for group in current.rollouts for rollout in group]
    total = max(1, len(written))
    return {
        "questions": len(current.rollouts),
        "completions": len(written),
        "correct_share": sum(r.verdict.correct for r in written) / total,
        "truncated_share": sum(not r.completion.finished for r in written) / total,
        "mean_tokens": sum(r.completion.tokens for r in written) / total,
        "mean_reward": sum(r.reward for r in written) / total,
    }


def _in_words(index: int, rounds: int, counts: Mapping[str, Any]) -> str:
    return (
        f"round {index + 1} of {rounds}: {counts['completions']:,} completions of "
        f"{counts['questions']:,} questions, {100 * counts['correct_share']:.1f} % correct, "
        f"{100 * counts['truncated_share']:.1f} % cut, "
        f"{counts['mean_tokens']:.0f} tokens on average"
    )
