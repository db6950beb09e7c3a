"""The code that a verifier is made of, as far as it decides whether answers are marked again."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from forget.evaluation.verifiers import verifier_digest
from forget_datasets.gsm8k import Gsm8k
from forget_datasets.math import Math

PACKAGE = {
    "__init__.py": "",
    "data/__init__.py": "from spelling.data.words import Spelling\n",
    "data/words.py": """\
from spelling import tidy as clean
from .near import same

class Spelling:
    def verify(self, example, completion):
        return same(clean.tidied(completion), example)
""",
    "data/near.py": "def same(a, b):\n    return a == b\n",
    "data/worker.py": "print('run as a process')\n",
    "tidy.py": "def tidied(text):\n    return text.strip()\n",
    "far.py": "def other():\n    return 1\n",
}
Edit = Callable[[str, str], Any]


@pytest.fixture
def edited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Edit]:
    """Return what writes a file of a package anew, imports it, and gives its dataset."""
    monkeypatch.syspath_prepend(str(tmp_path))
    folder = tmp_path / "spelling"
    for name, text in PACKAGE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)

    def forgotten() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] == "spelling"]:
            del sys.modules[name]

    def edit(name: str, text: str) -> Any:
        (folder / name).write_text(text)
        forgotten()
        importlib.invalidate_caches()
        return importlib.import_module("spelling.data").Spelling()

    yield edit
    forgotten()


def same_again(edited: Edit) -> str:
    return verifier_digest(edited("__init__.py", ""))


@pytest.mark.parametrize(
    "name", ["data/words.py", "data/near.py", "data/worker.py", "data/__init__.py", "tidy.py"]
)
def test_what_the_verifier_is_made_of_counts(edited: Edit, name: str) -> None:
    before = same_again(edited)
    assert verifier_digest(edited(name, PACKAGE[name] + "\nLIMIT = 3\n")) != before
    assert verifier_digest(edited(name, PACKAGE[name])) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("far.py", "def other():\n    return 2\n"),
        ("data/near.py", "# why\n\ndef same(a, b):\n    # how\n    return a == b   \n"),
    ],
    ids=["another module", "comments"],
)
def test_what_marks_nothing_does_not(edited: Edit, name: str, text: str) -> None:
    before = same_again(edited)
    assert verifier_digest(edited(name, text)) == before


def test_a_file_beside_it_that_is_no_code_is_text(edited: Edit) -> None:
    before = same_again(edited)
    assert verifier_digest(edited("data/template.py", "print {{ name }}\n")) != before


@pytest.mark.slow
def test_what_a_class_inherits_counts() -> None:
    class Mine(Gsm8k):
        pass

    assert verifier_digest(Mine()) != verifier_digest(Gsm8k())


def test_where_the_code_is_does_not_count(
    edited: Edit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = same_again(edited)
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "spelling").rename(tmp_path / "elsewhere" / "spelling")
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "spelling"]:
        del sys.modules[name]
    moved = importlib.import_module("spelling.data").Spelling()
    assert verifier_digest(moved) == before


def test_those_that_ship_are_told_apart() -> None:
    assert len({verifier_digest(dataset) for dataset in (Gsm8k(), Gsm8k(), Math())}) == 2
