"""Have a teacher answer a dataset's questions, and make training data of what is right."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from forget.dataset import Example
from forget.errors import BusyError, DataError
from forget.inference.loading import load_tokenizer
from forget.method import PrepareTask
from forget.progress import Progress
from forget.store.lock import exclusive
from forget.store.manifest import verify
from forget.training.examples import Conversation, write_examples
from forget.training.masking import encode
from forget.training.trajectories.asking import choose_questions, plan_asks
from forget.training.trajectories.keeping import Judged, keep
from forget.training.trajectories.obtaining import Order, obtain
from forget.training.trajectories.report import counts, in_words
from forget.training.trajectories.settings import TrajectorySettings
from forget.training.trajectories.store import About, open_store

__all__ = ["write_trajectories"]

_LOOK_EVERY_S = 1.0


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
    assert task.teacher is not None  # the method says that it needs one
    sampling = settings.sampling_identity(task.dataset.max_new_tokens)
    store = open_store(
        task.trajectories or task.output.parent / "trajectories",
        task.dataset.name,
        task.teacher.name,
        teacher=task.teacher_identity,
        sampling=sampling,
    )
    about = About(
        dataset=task.dataset.name,
        teacher={**task.teacher_identity, "name": task.teacher.name},
        sampling=sampling,
        questions=len(questions),
        samples=settings.samples,
    )
    order = Order(
        dataset=task.dataset,
        teacher=task.teacher,
        sampling=settings.sampling(task.dataset.max_new_tokens),
        asks=plan_asks(task.dataset, questions, examples, settings),
        about=about,
    )
    with _turn(store.folder / ".lock", task.progress):
        obtained, refused = obtain(order, store, task.progress)
    judged = {example.id: obtained.get(example.id, []) for example in questions}
    keeper = _Keeper(task)
    kept = keeper.choose(questions, judged)
    found = {
        "store": f"trajectories/{store.folder.parent.name}/{store.folder.name}",
        "teacher": about.teacher,
        "sampling": sampling,
        "samples": settings.samples,
        "unanswered": unanswered,
        "refused": refused,
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


@contextmanager
def _turn(lock: Path, progress: Progress) -> Iterator[None]:
    """Hold a store's lock; wait for another run that asks the same teacher."""
    with ExitStack() as stack:
        waited = False
        while True:
            try:
                stack.enter_context(exclusive(lock))
                break
            except BusyError:
                if not waited:
                    progress.note(f"waiting for another process that writes to {lock.parent}")
                waited = True
                time.sleep(_LOOK_EVERY_S)
        yield


class _Keeper:
    """Applies the policy of the settings; knows which texts the student can learn.

    Attributes:
        too_long: Ids of the questions of which a completion was passed over for its length.
    """

    def __init__(self, task: PrepareTask) -> None:
        self.too_long: set[str] = set()
        self._task = task
        self._tokenizer = load_tokenizer(task.model)
        self._special = [str(t) for t in self._tokenizer.added_tokens_decoder.values() if t.special]

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
            # Written out by a teacher, it would be a turn's end to the student.
            if any(token in text for token in self._special):
                return False
            length = len(encode(self._tokenizer, prompt, text).input_ids)
            if length > self._task.settings.max_length:
                self.too_long.add(example.id)
                return False
            return True

        return fits


def _nothing_kept(task: PrepareTask, found: Mapping[str, Any]) -> str:
    wrong = found["wrong"]
    settings: TrajectorySettings = task.settings
    assert task.teacher is not None
    reasons = ", ".join(f"{reason} ({count:,})" for reason, count in found["refused"].items())
    refused = f"; prompts that can have no completion: {reasons}" if reasons else ""
    return (
        f"Nothing that the teacher {task.teacher.name!r} wrote for {task.dataset.name!r} can be "
        f"learned from: of {found['completions']:,} completions {found['correct']:,} are correct, "
        f"{found['truncated']:,} were cut at their length limit, {wrong['no answer']:,} give no "
        f"answer and {wrong['another answer']:,} a wrong one; the answers to "
        f"{found['too_long_questions']:,} questions are longer than max_length="
        f"{settings.max_length} (min_correct={settings.min_correct}){refused}. Raise --set "
        "max_new_tokens=N, --set samples=N or --set shots=N, or choose another teacher. The "
        "completions are kept."
    )
