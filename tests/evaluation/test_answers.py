from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.errors import StorageError
from forget.evaluation.answers import Answers
from forget.inference.engine import Batch

WORK = "0123456789abcdef"
FIRST, SECOND, THIRD = (Batch(indices, 1.0, "score") for indices in ((0, 2), (1, 4), (3,)))
ANSWERS = {0: [-1.5, True], 2: [-2.0, False], 1: [-0.1, True], 4: [-9.25, False], 3: [-4.0, True]}


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    """Where the finished evaluation will be."""
    return tmp_path / "out" / "exam" / "engine"


def add(answers: Answers, *batches: Batch) -> None:
    for batch in batches:
        answers.add(batch, [ANSWERS[index] for index in batch.requests])


def found(evaluation: Path, work: str = WORK) -> dict[int, Any]:
    """Return what a process that starts now finds."""
    return dict(Answers(evaluation, work).all())


def of(*batches: Batch) -> dict[int, Any]:
    return {index: ANSWERS[index] for batch in batches for index in batch.requests}


def files(evaluation: Path) -> list[Path]:
    return sorted(evaluation.parent.rglob("*.jsonl"))


@pytest.fixture
def elsewhere(evaluation: Path) -> Callable[..., None]:
    """Add batches in a process of its own."""
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from forget.evaluation.answers import Answers\n"
        "from forget.inference.engine import Batch\n"
        "evaluation, work, batches = json.loads(sys.argv[1])\n"
        "answers = Answers(Path(evaluation), work)\n"
        "for indices, values in batches:\n"
        "    answers.add(Batch(tuple(indices), 1.0, 'score'), values)\n"
    )

    def run(*batches: Batch, work: str = WORK) -> None:
        asked = [[b.requests, [ANSWERS[index] for index in b.requests]] for b in batches]
        argument = json.dumps([str(evaluation), work, asked])
        subprocess.run([sys.executable, "-c", code, argument], check=True)

    return run


# --- kept


def test_at_first_there_is_nothing(evaluation: Path) -> None:
    answers = Answers(evaluation, WORK)
    assert dict(answers.all()) == {}
    assert not answers.has(FIRST)
    assert not evaluation.parent.exists()


def test_a_batch_is_on_the_disk_when_it_is_added(evaluation: Path) -> None:
    answers = Answers(evaluation, WORK)
    add(answers, FIRST)
    assert answers.has(FIRST)
    assert not answers.has(SECOND)
    assert found(evaluation) == of(FIRST) == answers.all()
    add(answers, THIRD)
    assert found(evaluation) == of(FIRST, THIRD) == answers.all()


@pytest.mark.parametrize(
    "value",
    [[-1.2345678901234567e-30, False], "ja – \n\t\u2028 \U0001f600", {"text": "", "tokens": 0}, ""],
)
def test_any_answer_is_read_as_it_was_written(evaluation: Path, value: Any) -> None:
    Answers(evaluation, WORK).add(THIRD, [value])
    assert found(evaluation) == {3: value}


def test_each_request_of_a_batch_has_an_answer(evaluation: Path) -> None:
    with pytest.raises(ValueError, match="shorter"):
        Answers(evaluation, WORK).add(FIRST, [[-1.0, True]])
    assert found(evaluation) == {}


def test_a_full_disk_is_said(evaluation: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    answers = Answers(evaluation, WORK)

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(StorageError, match="The disk is full"):
            add(answers, FIRST)
    assert not answers.has(FIRST)
    # It is not known what of it is on the disk: the batch is answered again by who comes next.
    add(Answers(evaluation, WORK), FIRST, SECOND)
    assert found(evaluation) == of(FIRST, SECOND)


# --- several processes


def test_the_answers_of_all_processes_are_united(
    evaluation: Path, elsewhere: Callable[..., None]
) -> None:
    answers = Answers(evaluation, WORK)
    add(answers, FIRST)
    elsewhere(SECOND)
    elsewhere(THIRD)
    assert len(files(evaluation)) == 3
    assert found(evaluation) == of(FIRST, SECOND, THIRD)
    assert not answers.has(SECOND)
    answers.refresh()
    assert answers.has(SECOND)
    assert answers.all() == of(FIRST, SECOND, THIRD)


def test_a_process_writes_to_no_file_of_another(
    evaluation: Path, elsewhere: Callable[..., None]
) -> None:
    elsewhere(FIRST)
    (theirs,) = files(evaluation)
    before = theirs.read_bytes()
    add(Answers(evaluation, WORK), SECOND)
    assert theirs.read_bytes() == before
    assert found(evaluation) == of(FIRST, SECOND)


def test_a_batch_that_two_answered_is_there_once(
    evaluation: Path, elsewhere: Callable[..., None]
) -> None:
    elsewhere(FIRST, SECOND)
    elsewhere(SECOND, THIRD)
    assert found(evaluation) == of(FIRST, SECOND, THIRD)


def test_a_process_may_have_the_number_of_a_dead_one(evaluation: Path) -> None:
    """In a container every process has the same number, and the host may keep its name."""
    for batch in (FIRST, SECOND, THIRD):
        add(Answers(evaluation, WORK), batch)  # all of them in this process
    assert found(evaluation) == of(FIRST, SECOND, THIRD)


# --- killed


def test_a_file_may_end_anywhere(evaluation: Path) -> None:
    """Wherever a kill cuts the file: the batches that are whole are there, and no other answer."""
    add(Answers(evaluation, WORK), FIRST, SECOND)
    (file,) = files(evaluation)
    whole = file.read_bytes()
    edges = [i + 1 for i, byte in enumerate(whole) if byte == ord("\n")]
    assert len(edges) == 1 + 4
    seen = set()
    for length in range(len(whole) + 1):
        file.write_bytes(whole[:length])
        answers = Answers(evaluation, WORK)
        assert answers.has(FIRST) == (length >= edges[2])
        assert answers.has(SECOND) == (length >= edges[4])
        assert answers.all().items() <= of(FIRST, SECOND).items()
        seen.add((answers.has(FIRST), answers.has(SECOND)))
    assert seen == {(False, False), (True, False), (True, True)}


@pytest.mark.slow
@pytest.mark.parametrize("lost", [1, 3, 12, 25])
def test_a_batch_cut_short_is_answered_again(
    evaluation: Path, elsewhere: Callable[..., None], lost: int
) -> None:
    elsewhere(FIRST, SECOND)
    (file,) = files(evaluation)
    file.write_bytes(file.read_bytes()[:-lost])
    answers = Answers(evaluation, WORK)
    assert not answers.has(SECOND)
    add(answers, SECOND, THIRD)
    assert found(evaluation) == of(FIRST, SECOND, THIRD)


def test_a_batch_cut_short_is_answered_again_in_a_process_of_the_same_number(
    evaluation: Path,
) -> None:
    add(Answers(evaluation, WORK), FIRST, SECOND)
    (file,) = files(evaluation)
    file.write_bytes(file.read_bytes()[:-3])
    add(Answers(evaluation, WORK), SECOND)
    add(Answers(evaluation, WORK), THIRD)
    assert found(evaluation) == of(FIRST, SECOND, THIRD)


@pytest.mark.parametrize("content", [b"", b"\n", b"[0, 1]\n", b"null\n", b'{"work"\n', b"\xff\n"])
def test_a_file_that_does_not_say_its_work_is_nobodys(evaluation: Path, content: bytes) -> None:
    add(Answers(evaluation, WORK), FIRST)
    file = files(evaluation)[0].with_name("elsewhere-1.jsonl")
    file.write_bytes(content + json.dumps([0, [0.0, False]]).encode() + b"\n")
    assert found(evaluation) == of(FIRST)


# --- other work


def test_answers_of_other_work_are_not_mixed_in(
    evaluation: Path, elsewhere: Callable[..., None]
) -> None:
    other = WORK[::-1]
    elsewhere(FIRST, work=other)
    answers = Answers(evaluation, WORK)
    assert dict(answers.all()) == {}
    add(answers, SECOND)
    answers.refresh()
    assert answers.all() == found(evaluation) == of(SECOND)
    assert found(evaluation, other) == of(FIRST)


def test_nor_where_one_process_did_both(evaluation: Path) -> None:
    other = WORK[::-1]
    add(Answers(evaluation, other), FIRST)
    add(Answers(evaluation, WORK), SECOND)
    add(Answers(evaluation, other), THIRD)
    assert found(evaluation) == of(SECOND)
    assert found(evaluation, other) == of(FIRST, THIRD)


def test_each_evaluation_has_its_own(evaluation: Path) -> None:
    beside = evaluation.with_name("engine-2")
    add(Answers(evaluation, WORK), FIRST)
    add(Answers(beside, WORK), SECOND)
    assert (found(evaluation), found(beside)) == (of(FIRST), of(SECOND))


# --- discarded


def test_nothing_is_left_of_discarded_answers(
    evaluation: Path, elsewhere: Callable[..., None]
) -> None:
    elsewhere(FIRST)
    elsewhere(SECOND, work=WORK[::-1])
    answers = Answers(evaluation, WORK)
    add(answers, THIRD)
    beside = evaluation.with_name("engine-2")
    add(Answers(beside, WORK), FIRST)
    answers.discard()
    assert found(evaluation) == {}
    assert found(beside) == of(FIRST)
    Answers(beside, WORK).discard()
    assert list(evaluation.parent.iterdir()) == []
    answers.discard()
    answers.refresh()  # another process was faster
