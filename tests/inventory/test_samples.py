from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.dataset import Example
from forget.errors import DataError, RequestError, UnknownNameError
from forget.inference.loading import load_tokenizer
from forget.inventory import samples
from forget.inventory.samples import (
    Row,
    choose,
    dataset_rows,
    encode_rows,
    find_folder,
    folder_rows,
    grade,
    measure,
)
from forget.mirror import Mirror
from forget.progress import Silent
from forget.testing import Workbench
from forget.training import read_examples, write_examples
from forget.training.masking import encode
from forget.training.trajectories.store import LINES
from forget_datasets.arithmetic import Arithmetic
from forget_methods.gt_sft import GtSft
from study_data import GT, SF


@pytest.fixture(scope="module")
def tokenizer(tiny_model: Path) -> Any:
    return load_tokenizer(tiny_model)


class Levelled(Arithmetic):
    def load(self, split: str, data: Any) -> list[Example]:
        import attrs

        return [attrs.evolve(e, level="2 steps") for e in list(super().load(split, data))[:3]]


def test_the_examples_of_a_dataset() -> None:
    rows = dataset_rows(Levelled(), "train", Mirror())
    assert [(row.id, row.level) for row in rows][:2] == [
        ("train-00000", "2 steps"),
        ("train-00001", "2 steps"),
    ]
    assert rows[0].completion == "10 * 33 = 330 cards in 10 weeks.\n#### 330"
    with pytest.raises(DataError, match="no split 'dev'"):
        dataset_rows(Arithmetic(), "dev", Mirror())


def test_the_mask_is_the_trainers(out: Path, tokenizer: Any) -> None:
    data = out / GT.format(0) / "data"
    [sample] = encode_rows(folder_rows(data)[:1], tokenizer)
    [example, *_] = read_examples(data)
    expected = encode(tokenizer, example.messages, example.completion)
    assert (sample.input_ids, sample.completion_mask) == expected
    assert [inside for inside, _ in sample.spans] == [False, True]
    assert sample.spans[1][1] == f"{example.completion}<|im_end|>"
    assert len(sample.tokens) == len(sample.input_ids)
    assert "".join(sample.tokens) == "".join(text for _, text in sample.spans)


def test_a_prompt_without_completion(tokenizer: Any) -> None:
    row = Row(id="a", messages=[{"role": "user", "content": "x"}], completion=None)
    [sample] = encode_rows([row], tokenizer)
    assert sample.spans == [(False, "<|im_start|>user\nx<|im_end|>\n<|im_start|>assistant\n")]
    assert set(sample.completion_mask) == {0}


def test_lengths(out: Path, tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = folder_rows(out / GT.format(0) / "data")
    lengths = {s.id: len(s.input_ids) for s in encode_rows(rows, tokenizer)}
    found = measure(rows, tokenizer, Silent())
    assert (found.shortest, found.longest) == (min(lengths.values()), max(lengths.values()))
    assert lengths[found.longest_id] == found.longest
    assert found.mean == sum(lengths.values()) / len(lengths)
    monkeypatch.setattr(samples, "MAX_MEASURED", 3)
    found = measure(rows, tokenizer, Silent())
    assert (found.rows, found.measured) == (8, 3)


def test_both_answers_of_a_pair_are_shown(out: Path) -> None:
    data = out / GT.format(0) / "data"
    [pair, single, *_] = read_examples(data)
    task = Workbench(GtSft(), out / "pairs").prepare_task("run", max_length=512)
    write_examples(task, [attrs.evolve(pair, rejected="no"), single])
    rows = folder_rows(task.output)
    assert [row.completion for row in rows] == [pair.completion, "no", single.completion]
    assert [row.id for row in rows] == [pair.id, f"{pair.id} (rejected)", single.id]


def test_a_choice(out: Path) -> None:
    rows = folder_rows(out / GT.format(0) / "data")
    assert [row.id for row in choose(rows, 2, None)] == ["train-00000", "train-00001"]
    assert len(choose(rows, 99, None)) == 8
    assert [row.id for row in choose(rows, 2, "train-00005")] == ["train-00005"]
    with pytest.raises(UnknownNameError, match="Did you mean 'train-0000"):
        choose(rows, 2, "train-0005")
    with pytest.raises(RequestError, match="--count must be at least 1"):
        choose(rows, 0, None)


def test_folders(out: Path, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = out / SF / "data"
    assert find_folder(SF, out) == data
    assert find_folder(f"{SF}/data", out) == data
    assert find_folder(f"{SF}/data/train.parquet", out) == data
    assert find_folder(str(store), Path("nowhere")) == store
    assert find_folder("gsm8k", out) is None
    monkeypatch.chdir(out / SF)
    assert find_folder(".", Path("nowhere")) == data
    with pytest.raises(DataError, match=r"holds no data: .* It has phase1/\. Name a run"):
        find_folder("runs", out)
    (out / "empty").mkdir()
    with pytest.raises(DataError, match="It has nothing"):
        find_folder("empty", out)


def test_damaged_examples_are_not_shown(out: Path) -> None:
    data = out / SF / "data"
    (data / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"no manifest\.json.*forget data verify"):
        folder_rows(data)
    with pytest.raises(DataError, match=r"no manifest\.json"):
        folder_rows(out)


def test_a_folder_of_another_kind(out: Path) -> None:
    from forget.store.manifest import seal

    (out / "evaluation").mkdir()
    (out / "evaluation" / "results.json").write_text("{}")
    seal(out / "evaluation", "evaluation", {})
    with pytest.raises(DataError, match=r"it has no train\.parquet"):
        folder_rows(out / "evaluation")


def test_completions_with_verdicts(store: Path) -> None:
    found = grade(store, Arithmetic(), Mirror(), 9, None)
    assert [(line.example, line.sample, line.verdict.correct) for line in found] == [
        ("train-00000", 0, True),
        ("train-00000", 1, False),
        ("train-00001", 0, False),
    ]
    assert found[0].completion.tokens == 4
    assert len(grade(store, Arithmetic(), Mirror(), 1, None)) == 1
    assert len(grade(store, Arithmetic(), Mirror(), 1, "train-00000")) == 2
    with pytest.raises(UnknownNameError, match="train-00000"):
        grade(store, Arithmetic(), Mirror(), 1, "train-00009")


def test_a_store_of_other_data(store: Path) -> None:
    class Other(Arithmetic):
        def load(self, split: str, data: Any) -> list[Example]:
            return []

    with pytest.raises(DataError, match="has no such example"):
        grade(store, Other(), Mirror(), 1, None)
    (store / LINES).write_text("")
    with pytest.raises(DataError, match="no completion that can be read"):
        grade(store, Arithmetic(), Mirror(), 1, None)


def test_an_empty_split() -> None:
    class Empty(Arithmetic):
        def load(self, split: str, data: Any) -> list[Any]:
            return []

    with pytest.raises(DataError, match="The test split of 'arithmetic' has no example"):
        dataset_rows(Empty(), "test", Mirror())


def test_a_path_that_is_too_long_for_a_file(tmp_path: Path) -> None:
    assert find_folder("a" * 300, tmp_path) is None
