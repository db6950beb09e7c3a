"""The method keeps what forget expects of every method, and reads pairs from a file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from forget.errors import DataError
from forget.testing import MethodConformance, NoData, Workbench
from forget.training import read_examples

from forget_dpo import Dpo, DpoSettings, forget_methods

PAIRS = [
    {"prompt": "What is 2 + 2?", "chosen": "4", "rejected": "22"},
    {
        "prompt": [{"role": "system", "content": "Add."}, {"role": "user", "content": "1 + 1"}],
        "chosen": [{"role": "assistant", "content": "2"}],
        "rejected": [{"role": "assistant", "content": "11\u2028"}],
    },
    {"prompt": "What is 3 + 3?", "chosen": "6", "rejected": "6 "},
]


def write(path: Path, *lines: Any) -> str:
    """Write JSON lines; a text stands for itself."""
    texts = [
        line if isinstance(line, str) else json.dumps(line, ensure_ascii=False) for line in lines
    ]
    path.write_text("\n".join(texts), encoding="utf-8")
    return str(path)


class TestDpo(MethodConformance):
    """The class above tries all that is expected; what follows is about this method alone."""

    method = Dpo()

    def test_what_the_base_says_wrongly_is_rejected(self, workbench: Workbench) -> None:
        """A model of random weights is never right, so the solutions are preferred."""
        task = workbench.prepared("collected", questions=5)
        solutions = {e.id: e.solution for e in task.dataset.load("train", NoData())}
        pairs = read_examples(task.data)
        assert len(pairs) == 5
        assert all(pair.completion == solutions[pair.id] != pair.rejected for pair in pairs)

    def test_pairs_of_a_file_are_learned(self, workbench: Workbench, tmp_path: Path) -> None:
        """Of texts and of messages; two equal answers are no pair."""
        file = write(tmp_path / "pairs.jsonl", *PAIRS)
        task = workbench.prepared("file", pairs=file, batch_size=2, max_steps=2)
        pairs = read_examples(task.data)
        assert [(pair.completion, pair.rejected) for pair in pairs] == [
            ("4", "22"),
            ("2", "11\u2028"),
        ]
        assert [len(pair.messages) for pair in pairs] == [1, 2]
        training = workbench.train(task)
        assert training.steps == [2]
        assert {"loss", "margin", "preferred_share"} <= training.curve[-1].keys()

    def test_a_longer_training_is_foreseen_from_the_file(self, tmp_path: Path) -> None:
        """And without one from the questions that are asked."""
        file = write(tmp_path / "pairs.jsonl", *PAIRS)
        assert self.method.most_rows(DpoSettings(pairs=file), examples=2000) == 3
        assert self.method.most_rows(DpoSettings(), examples=2000) == 200
        assert self.method.most_rows(DpoSettings(), examples=12) == 12


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], "the file has no pair"),
        (["{"], "line 1 is no pair"),
        ([PAIRS[0], {"prompt": "a", "chosen": "b"}], "line 2 is no pair (KeyError: 'rejected')"),
        ([{"prompt": [], "chosen": "b", "rejected": "c"}], "the prompt is empty"),
        ([{"prompt": "a", "chosen": [], "rejected": "c"}], "line 1 is no pair"),
        ([{"prompt": "a", "chosen": [{"content": 1}], "rejected": "c"}], "is no text"),
    ],
)
def test_what_is_no_pair_is_refused(tmp_path: Path, lines: list[Any], said: str) -> None:
    """With its line, before anything is written."""
    file = write(tmp_path / "pairs.jsonl", *lines)
    with pytest.raises(DataError) as failure:
        Dpo().check(DpoSettings(pairs=file))
    assert said in str(failure.value)
    assert file in str(failure.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """With what to do."""
    with pytest.raises(DataError, match=r"none\.jsonl: the file cannot be read.*leave pairs out"):
        Dpo().check(DpoSettings(pairs=str(tmp_path / "none.jsonl")))
    Dpo().check(DpoSettings())


def test_the_hook_yields_it() -> None:
    """Under the name of the command line."""
    assert [method.name for method in forget_methods()] == ["dpo"]
