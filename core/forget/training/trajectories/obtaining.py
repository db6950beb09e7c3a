"""Have a teacher write what is wanted and not there yet; each completion is kept as it arrives."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import attrs

from forget.completion import Completion, Sampling
from forget.dataset import Dataset
from forget.errors import WorkError
from forget.progress import Advance, Progress
from forget.teacher import Teacher, TeacherOutput
from forget.training.trajectories.asking import Ask
from forget.training.trajectories.keeping import Judged, is_usable
from forget.training.trajectories.store import About, CompletionStore, Stored

__all__ = ["Obtained", "Order", "obtain"]

_NOTE_EVERY_S = 60.0
"""How often is said how far a long generation is: a log has no bar."""

_HALF_CHARACTERS = re.compile("[\\ud800-\\udfff]")


@attrs.frozen(kw_only=True)
class Order:
    """Completions that are wanted.

    Attributes:
        dataset: It verifies them.
        teacher: It writes them.
        sampling: How they are drawn; the seed is each ask's own.
        asks: What is asked.
        about: The same in words, for who reads the store.
    """

    dataset: Dataset
    teacher: Teacher
    sampling: Sampling
    asks: Sequence[Ask]
    about: About


class Obtained(NamedTuple):
    """What a teacher wrote.

    Attributes:
        judged: The completions of each question with their verdicts, by its id; no entry if there
            is none.
        refused: Why prompts can have no completion, and how many.
    """

    judged: dict[str, list[Judged]]
    refused: dict[str, int]


def obtain(order: Order, store: CompletionStore, progress: Progress) -> Obtained:
    """Return the completions of every question with their verdicts, asking for those not there.

    Verdicts are made anew each time, so that a verifier that was mended mends the data.

    Raises:
        WorkError: The teacher gave fewer completions than it was asked for, or others.
        StorageError: The disk is full.
    """
    have = store.read()
    tally = _Tally(order.dataset)
    for ask in order.asks:
        if ask.key in have:
            tally.take(ask, have[ask.key])
    missing = [ask for ask in order.asks if ask.key not in have]
    refused: dict[str, int] = {}
    if missing:
        store.describe(order.about)
        if have:
            progress.note(
                f"continuing: {tally.taken:,} of {len(order.asks):,} completions are here"
            )
        refused = _ask(order, missing, store, tally, progress)
    return Obtained(tally.judged, refused)


class _Tally:
    """Verifies completions as they come and knows how many of them are right."""

    def __init__(self, dataset: Dataset) -> None:
        self.judged: dict[str, list[Judged]] = {}
        self.taken = self._usable = 0
        self._dataset = dataset

    def take(self, ask: Ask, completion: Completion) -> None:
        verdict = self._dataset.verify(ask.example, completion)
        item = Judged(ask.sample, completion, verdict)
        self.judged.setdefault(ask.example.id, []).append(item)
        self.taken += 1
        self._usable += is_usable(item)

    def __str__(self) -> str:
        return f"{100 * self._usable / max(1, self.taken):.0f} % correct"


def _ask(
    order: Order,
    missing: Sequence[Ask],
    store: CompletionStore,
    tally: _Tally,
    progress: Progress,
) -> dict[str, int]:
    """Ask for what is missing, keep each completion before the next; return what was refused."""
    teacher = order.teacher
    answered: set[int] = set()
    problems: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    outputs = teacher.generate([ask.prompt for ask in missing], order.sampling)
    bar = progress.task(f"asking {teacher.title}", len(missing))
    with bar as advance, _closing(outputs):
        pace = _Pace(len(missing), tally, advance, progress)
        for index, completion, problem, final in outputs:
            if index not in range(len(missing)) or index in answered:
                raise WorkError(_miscounted(teacher.name, index, len(missing)))
            answered.add(index)
            if completion is None:
                (refused if final else problems)[problem] += 1
            else:
                ask = missing[index]
                whole = _whole_characters(completion)
                store.add(Stored(ask.key, ask.example.id, ask.sample, whole))
                tally.take(ask, whole)
            pace.step()
    lost = len(missing) - len(answered)
    if lost:
        problems["no output for the prompt"] = lost
    if problems:
        raise WorkError(_incomplete(teacher.name, len(missing), problems))
    return dict(refused)


@contextmanager
def _closing(outputs: Iterator[TeacherOutput]) -> Iterator[None]:
    """Close a teacher's generator at once however the block ends: its model needs the memory."""
    try:
        yield
    finally:
        if isinstance(outputs, Generator):
            outputs.close()


class _Pace:
    """Shows the pass rate beside the bar, and from time to time a line."""

    def __init__(self, total: int, tally: _Tally, advance: Advance, progress: Progress) -> None:
        self._total = total
        self._tally = tally
        self._advance = advance
        self._progress = progress
        self._done = 0
        self._first = self._said = 0.0

    def step(self) -> None:
        self._done += 1
        self._advance(1, str(self._tally))
        now = time.monotonic()
        if self._done == 1:  # loading a model is not what the others will take
            self._first = self._said = now
        elif now - self._said >= _NOTE_EVERY_S and self._done < self._total:
            self._said = now
            left_min = (now - self._first) / (self._done - 1) * (self._total - self._done) / 60
            self._progress.note(
                f"{self._done:,} of {self._total:,} completions, {self._tally}, "
                f"about {left_min:.0f} min left"
            )


def _whole_characters(completion: Completion) -> Completion:
    """Replace halves of characters, which no file can hold; such a completion is not kept."""
    return attrs.evolve(completion, text=_HALF_CHARACTERS.sub("\ufffd", completion.text))


def _miscounted(teacher: str, index: int, total: int) -> str:
    return (
        f"The teacher {teacher!r} is at fault: it answered prompt {index} of {total} (from 0) "
        "twice, or there is no such prompt. What it had written is kept; run the same command "
        "again when its plugin is mended."
    )


def _incomplete(teacher: str, total: int, problems: Counter[str]) -> str:
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in problems.most_common(5))
    return (
        f"{problems.total():,} of {total:,} completions of the teacher {teacher!r} could not "
        f"be had: {reasons}. What arrived is kept; run the same command again to ask for the "
        "missing ones alone."
    )
