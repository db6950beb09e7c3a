"""Have a teacher answer a dataset's questions, and make training data of what is right."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import attrs

from forget.completion import Completion
from forget.dataset import Dataset, Example
from forget.errors import DataError, WorkError
from forget.inference.loading import load_tokenizer
from forget.method import PrepareTask
from forget.progress import Advance
from forget.store.lock import exclusive
from forget.store.manifest import verify
from forget.teacher import TeacherOutput
from forget.training.examples import Conversation, write_examples
from forget.training.masking import encode
from forget.training.trajectories.asking import Ask, choose_questions, plan_asks
from forget.training.trajectories.keeping import Judged, is_usable, keep
from forget.training.trajectories.report import counts, in_words
from forget.training.trajectories.settings import TrajectorySettings
from forget.training.trajectories.store import CompletionStore, Stored, open_store

__all__ = ["write_trajectories"]

_HALF_CHARACTERS = re.compile("[\\ud800-\\udfff]")


def write_trajectories(task: PrepareTask) -> None:
    """Write a run's training data from a teacher's verified completions, unless it is there.

    Every question is asked `samples` times; each completion is on disk as it arrives, in a store
    that all runs of the same teacher, dataset and sampling share, and is never asked for twice.
    Correct and finished ones are kept under the policy of the settings (rejection sampling: Yuan
    et al. 2023, arXiv:2308.01825, section 3.3; here with a teacher).

    Args:
        task: The task handed to `Method.prepare`; its settings are `TrajectorySettings`.

    Raises:
        DataError: No question has an answer, or nothing that could be kept was written.
        WorkError: The teacher gave fewer completions than it was asked for; a re-run asks for the
            missing ones alone.
        BusyError: Another process asks the same teacher the same.
        StorageError: The disk is full.
    """
    if verify(task.output) is not None:
        return
    settings: TrajectorySettings = task.settings
    examples = task.dataset.load("train", task.data)
    questions, unanswered = choose_questions(examples, settings)
    if not questions:
        raise DataError(
            f"No question of the dataset {task.dataset.name!r} has a gold answer, so no completion "
            "of a teacher could be verified."
        )
    asks = plan_asks(task.dataset, questions, examples, settings)
    store = _store(task)
    with exclusive(store.folder / ".lock"):
        judged = _obtain(task, store, asks)
    keeper = _Keeper(task)
    kept = keeper.choose(questions, judged)
    found = {
        "store": f"trajectories/{store.folder.parent.name}/{store.folder.name}",
        "teacher": dict(task.teacher_identity),
        "sampling": settings.sampling_identity(task.dataset.max_new_tokens),
        "samples": settings.samples,
        "unanswered": unanswered,
        **counts(questions, judged, {key: len(value) for key, value in kept.items()}),
        "too_long_questions": sum(not kept[example_id] for example_id in keeper.too_long),
    }
    for line in in_words(found):
        task.progress.note(line)
    conversations = [
        Conversation(f"{example.id}#{sample}", task.dataset.prompt(example), text, example.id)
        for example in questions
        for sample, text in kept[example.id]
    ]
    if not conversations:
        raise DataError(_nothing_kept(task, found))
    write_examples(task, conversations, {"trajectories": found})


def _store(task: PrepareTask) -> CompletionStore:
    assert task.teacher is not None  # the method says that it needs one
    root = task.trajectories or task.output.parent / "trajectories"
    sampling = task.settings.sampling_identity(task.dataset.max_new_tokens)
    return open_store(
        root, task.dataset.name, task.teacher.name, teacher=task.teacher_identity, sampling=sampling
    )


def _obtain(
    task: PrepareTask, store: CompletionStore, asks: Sequence[Ask]
) -> dict[str, list[Judged]]:
    """Return the completions of every question with their verdicts, asking for those not there."""
    have = store.read()
    missing = [ask for ask in asks if ask.key not in have]
    tally = _Tally(task.dataset, len(asks))
    for ask in asks:
        if ask.key in have:
            tally.take(ask, have[ask.key])
    if missing:
        store.describe(
            {
                "dataset": task.dataset.name,
                "teacher": dict(task.teacher_identity),
                "sampling": task.settings.sampling_identity(task.dataset.max_new_tokens),
                "asked": {
                    "questions": len({ask.example.id for ask in asks}),
                    "samples": task.settings.samples,
                },
            }
        )
        if have:
            task.progress.note(f"continuing: {tally.taken:,} of {len(asks):,} completions are here")
        _ask(task, store, missing, tally)
    return tally.judged


class _Tally:
    """Verifies completions as they come and knows how far things are."""

    def __init__(self, dataset: Dataset, total: int) -> None:
        self.judged: dict[str, list[Judged]] = {}
        self.taken = self.usable = 0
        self._dataset, self._total = dataset, total

    def take(self, ask: Ask, completion: Completion) -> None:
        verdict = self._dataset.verify(ask.example, completion)
        item = Judged(ask.sample, completion, verdict)
        self.judged.setdefault(ask.example.id, []).append(item)
        self.taken += 1
        self.usable += is_usable(item)

    def __str__(self) -> str:
        return f"{100 * self.usable / max(1, self.taken):.0f} % correct"


_NOTE_EVERY_S = 60.0
"""Where there are no bars, how far a long generation is is said this often."""


def _ask(task: PrepareTask, store: CompletionStore, missing: Sequence[Ask], tally: _Tally) -> None:
    """Ask for what is missing and keep each completion as it arrives."""
    teacher = task.teacher
    assert teacher is not None
    answered: set[int] = set()
    problems: dict[str, int] = {}
    sampling = task.settings.sampling(task.dataset.max_new_tokens)
    outputs = teacher.generate([ask.prompt for ask in missing], sampling)
    with (
        task.progress.task(f"asking {teacher.title}", len(missing)) as advance,
        _closing(outputs),
    ):
        pace = _Pace(task, len(missing), tally, advance)
        for index, completion, problem in outputs:
            if index not in range(len(missing)) or index in answered:
                raise WorkError(_miscounted(teacher.name, index, len(missing)))
            answered.add(index)
            if completion is None:
                problems[problem] = problems.get(problem, 0) + 1
            else:
                ask = missing[index]
                whole = _encodable(completion)
                store.add(Stored(ask.key, ask.example.id, ask.sample, whole))
                tally.take(ask, whole)
            pace.step()
    lost = len(missing) - len(answered)
    if lost:
        problems["no output for the prompt"] = lost
    if problems:
        raise WorkError(_incomplete(teacher.name, len(missing), problems))


@contextmanager
def _closing(outputs: Iterator[TeacherOutput]) -> Iterator[None]:
    """Close a teacher's generator at once however the block ends: its model needs the memory."""
    try:
        yield
    finally:
        if isinstance(outputs, Generator):
            outputs.close()


class _Pace:
    """Shows the pass rate beside the bar, and from time to time a line where there is none."""

    def __init__(self, task: PrepareTask, total: int, tally: _Tally, advance: Advance) -> None:
        self._progress, self._total, self._tally, self._advance = (
            task.progress, total, tally, advance,
        )  # fmt: skip
        self._started = self._said = time.monotonic()
        self._done = 0

    def step(self) -> None:
        self._done += 1
        self._advance(1, str(self._tally))
        now = time.monotonic()
        if now - self._said >= _NOTE_EVERY_S and self._done < self._total:
            self._said = now
            left_min = (now - self._started) / self._done * (self._total - self._done) / 60
            self._progress.note(
                f"{self._done:,} of {self._total:,} completions, {self._tally}, "
                f"about {left_min:.0f} min left"
            )


class _Keeper:
    """Applies the policy of the settings; knows which texts are short enough.

    Attributes:
        too_long: Ids of the questions of which a completion was passed over for its length.
    """

    def __init__(self, task: PrepareTask) -> None:
        self.too_long: set[str] = set()
        self._task = task
        self._tokenizer = load_tokenizer(task.model)

    def choose(
        self, questions: Sequence[Example], judged: Mapping[str, Sequence[Judged]]
    ) -> dict[str, list[tuple[int, str]]]:
        kept = {}
        with self._task.progress.task("choosing completions", len(questions)) as advance:
            for example in questions:
                fits = self._fits(example)
                kept[example.id] = keep(example, judged[example.id], self._task.settings, fits)
                advance(1)
        return kept

    def _fits(self, example: Example) -> Callable[[str], bool]:
        prompt = self._task.dataset.prompt(example)

        def fits(text: str) -> bool:
            length = len(encode(self._tokenizer, prompt, text).input_ids)
            if length > self._task.settings.max_length:
                self.too_long.add(example.id)
                return False
            return True

        return fits


def _encodable(completion: Completion) -> Completion:
    """Replace halves of characters, which no file can hold; such a completion is not kept."""
    return attrs.evolve(completion, text=_HALF_CHARACTERS.sub("\ufffd", completion.text))


def _miscounted(teacher: str, index: int, total: int) -> str:
    return (
        f"The teacher {teacher!r} is at fault: it answered prompt {index} of {total} (from 0) "
        "twice, or there is no such prompt. What it had written is kept; run the same command "
        "again when its plugin is mended."
    )


def _incomplete(teacher: str, total: int, problems: Mapping[str, int]) -> str:
    reasons = ", ".join(
        f"{reason} ({count:,})" for reason, count in sorted(problems.items(), key=lambda x: -x[1])
    )
    return (
        f"{sum(problems.values()):,} of {total:,} completions of the teacher {teacher!r} could not "
        f"be had: {reasons}. What arrived is kept; run the same command again to ask for the "
        "missing ones alone."
    )


def _nothing_kept(task: PrepareTask, found: Mapping[str, Any]) -> str:
    wrong = found["wrong"]
    settings: TrajectorySettings = task.settings
    assert task.teacher is not None
    return (
        f"Nothing that the teacher {task.teacher.name!r} wrote for {task.dataset.name!r} can be "
        f"learned from: of {found['completions']:,} completions {found['correct']:,} are correct, "
        f"{wrong['cut']:,} were cut at their length limit, {wrong['no answer']:,} give no answer "
        f"and {wrong['another answer']:,} a wrong one (min_correct={settings.min_correct}, "
        f"max_length={settings.max_length}). Raise --set max_new_tokens=N, --set samples=N or "
        "--set shots=N, or choose another teacher. The completions are kept."
    )
