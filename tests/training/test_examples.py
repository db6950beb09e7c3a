from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.errors import DataError, StorageError
from forget.method import PrepareTask
from forget.store.manifest import read_manifest
from forget.training import Conversation, read_examples, write_examples
from forget.training.examples import content_digest
from forget.training.masking import encode

Make = Callable[..., PrepareTask]


def conversation(name: str, completion: str) -> Conversation:
    return Conversation(name, [{"role": "user", "content": f"Say {name}."}], completion)


def details(task: PrepareTask) -> Any:
    manifest = read_manifest(task.output)
    assert manifest is not None
    assert manifest.kind == "data"
    return manifest.details


def test_round_trip_with_counts(prepare_task: Make, tokenizer: Any) -> None:
    task = prepare_task()
    written = [conversation("a", "one"), conversation("b", "größer als zwei")]
    write_examples(task, written)
    assert read_examples(task.output) == written
    lengths = [sum(encode(tokenizer, c.messages, c.completion).completion_mask) for c in written]
    told = details(task)
    assert told["completion_tokens"] == {
        "max": max(lengths),
        "mean": sum(lengths) / 2,
        "total": sum(lengths),
    }
    assert (told["rows"], told["source_rows"], told["dropped_long"]) == (2, 2, 0)
    assert (told["dataset"], told["seed"], told["pairs"]) == ("sums", 7, 0)


def test_long_examples_are_dropped_not_cut(prepare_task: Make) -> None:
    task = prepare_task(max_length=60)
    write_examples(task, [conversation("a", "word " * 100), conversation("b", "short")])
    assert [c.id for c in read_examples(task.output)] == ["b"]
    assert (details(task)["rows"], details(task)["dropped_long"]) == (1, 1)


def test_example_of_exactly_the_limit_is_kept(prepare_task: Make, tokenizer: Any) -> None:
    item = conversation("a", "exactly")
    length = len(encode(tokenizer, item.messages, item.completion).input_ids)
    task = prepare_task(max_length=length)
    write_examples(task, [item])
    assert details(task)["rows"] == 1


def test_nothing_left_is_refused(prepare_task: Make) -> None:
    task = prepare_task(max_length=8)
    with pytest.raises(DataError, match="longer than max_length=8"):
        write_examples(task, [conversation("a", "one")])
    with pytest.raises(DataError, match="gave no example"):
        write_examples(task, [])
    assert not task.output.exists()


def test_sample_is_seeded_and_in_order(prepare_task: Make) -> None:
    task = prepare_task(max_train_examples=5)
    write_examples(task, (conversation(str(n), "x") for n in range(50)))
    ids = [int(c.id) for c in read_examples(task.output)]
    assert len(ids) == 5
    assert ids == sorted(ids)
    assert (details(task)["source_rows"], details(task)["dropped_long"]) == (50, 0)


def test_same_id_twice_is_refused(prepare_task: Make) -> None:
    with pytest.raises(DataError, match="have the id 'a'"):
        write_examples(prepare_task(), [conversation("a", "x"), conversation("a", "y")])


def test_complete_data_is_left_alone(prepare_task: Make) -> None:
    task = prepare_task()
    write_examples(task, [conversation("a", "one")])

    def unread() -> Any:
        raise AssertionError("there was nothing to do")
        yield

    write_examples(task, unread())


def test_damaged_data_is_refused_and_then_written_again(prepare_task: Make) -> None:
    task = prepare_task()
    write_examples(task, [conversation("a", "one")])
    digest = details(task)["digest"]
    file = task.output / "train.parquet"
    file.write_bytes(file.read_bytes()[:-1] + b"\0")
    with pytest.raises(DataError, match="no complete training data"):
        read_examples(task.output)
    write_examples(task, [conversation("a", "one")])
    assert details(task)["digest"] == digest


def test_full_disk_leaves_nothing(
    prepare_task: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import pyarrow.parquet

    def full(*args: Any, **kwargs: Any) -> None:
        raise OSError("[Errno 28] Error writing bytes to file. Detail: No space left on device")

    monkeypatch.setattr(pyarrow.parquet, "write_table", full)
    with pytest.raises(StorageError, match="disk is full"):
        write_examples(prepare_task(), [conversation("a", "one")])
    assert list(tmp_path.iterdir()) == []


def pair(name: str, completion: str, rejected: str) -> Conversation:
    return attrs.evolve(conversation(name, completion), rejected=rejected)


def test_pairs_come_back_and_both_answers_count(prepare_task: Make, tokenizer: Any) -> None:
    task = prepare_task()
    written = [pair("a", "one", "another one"), pair("b", "two", "")]
    write_examples(task, written)
    assert read_examples(task.output) == written
    answers = [(item, answer) for item in written for answer in (item.completion, item.rejected)]
    lengths = [sum(encode(tokenizer, i.messages, str(a)).completion_mask) for i, a in answers]
    assert details(task)["completion_tokens"]["total"] == sum(lengths)
    assert details(task)["pairs"] == 2


@pytest.mark.parametrize("answers", [("word " * 100, "short"), ("short", "word " * 100)])
def test_a_pair_is_dropped_if_either_answer_is_long(
    prepare_task: Make, answers: tuple[str, str]
) -> None:
    task = prepare_task(max_length=60)
    write_examples(task, [pair("a", *answers), pair("b", "short", "other")])
    assert [c.id for c in read_examples(task.output)] == ["b"]


def test_what_is_rejected_tells_data_apart() -> None:
    plain = conversation("a", "one")
    pairs = [pair("a", "one", "two"), pair("a", "one", "three")]
    assert len({content_digest([item]) for item in (plain, *pairs)}) == 3
