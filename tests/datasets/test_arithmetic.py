from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from random import Random

import pytest

from forget.completion import Completion
from forget.dataset import DataAccess, Dataset, Example
from forget.errors import DataError
from forget.mirror import Mirror
from forget_datasets import arithmetic
from forget_datasets.arithmetic import WORKED_EXAMPLES, Arithmetic
from forget_datasets.arithmetic.templates import OPERATIONS

NO_DATA: DataAccess = Mirror()

DIGEST = """
import hashlib
from forget_datasets.arithmetic.data import examples
text = "".join(repr(examples(split)) for split in ("train", "test"))
print(hashlib.sha256(text.encode()).hexdigest())
"""


def load(split: str) -> list[Example]:
    return list(Arithmetic().load(split, NO_DATA))


def calculation(example: Example) -> tuple[str, ...]:
    """The operators and the numbers of a problem, whatever its words."""
    operators = "".join(re.findall(r" ([-+*]) ", example.solution))
    return (operators, *sorted(re.findall(r"[0-9]+", example.question)))


def test_is_a_dataset_and_is_yielded_by_the_hook() -> None:
    (found,) = arithmetic.forget_datasets()
    assert isinstance(found, Dataset)
    assert found.name == "arithmetic"


def test_sizes_and_ids() -> None:
    assert len(load("train")) == 2000
    assert len(load("test")) == 500
    assert load("train")[12].id == "train-00012"
    assert len({example.id for example in load("train") + load("test")}) == 2500


def test_an_unknown_split_is_refused() -> None:
    with pytest.raises(DataError, match="train, test"):
        Arithmetic().load("validation", NO_DATA)


def test_splits_share_no_question_and_no_calculation() -> None:
    train, test = load("train"), load("test")
    questions = [example.question for example in train + test]
    assert len(set(questions)) == len(questions)
    calculations = [calculation(example) for example in train + test]
    assert len(set(calculations)) == len(calculations)


def test_the_worked_examples_of_the_prompt_are_in_no_split() -> None:
    shown = {
        calculation(Example(id="", question=question, solution=solution, answer=""))
        for question, solution in WORKED_EXAMPLES
    }
    assert shown == {("+", "2", "5"), ("-", "3", "9")}
    assert not shown & {calculation(example) for example in load("train") + load("test")}


def test_the_worked_examples_are_in_the_form_the_verifier_reads() -> None:
    for (_, solution), answer in zip(WORKED_EXAMPLES, ("7", "6"), strict=True):
        example = Example(id="", question="", solution=solution, answer=answer)
        completion = Completion(text=solution, finished=True, tokens=1)
        assert Arithmetic().verify(example, completion).correct


@pytest.mark.parametrize("split", ["train", "test"])
def test_solutions_are_right_and_verify(split: str) -> None:
    dataset = Arithmetic()
    for example in load(split):
        result = None
        for left, operator, right, said in re.findall(
            r"(\d+) ([-+*]) (\d+) = (\d+)", example.solution
        ):
            a, b = int(left), int(right)
            assert result in (None, a)
            result = {"+": a + b, "-": a - b, "*": a * b}[operator]
            assert result == int(said)
        assert str(result) == example.answer
        right_one = Completion(text=example.solution, finished=True, tokens=1)
        assert dataset.verify(example, right_one).correct
        wrong_one = Completion(text=f"#### {result}1", finished=True, tokens=1)
        assert not dataset.verify(example, wrong_one).correct


def test_every_split_has_all_operations_in_equal_shares() -> None:
    for split in ("train", "test"):
        shares = Counter(calculation(example)[0] for example in load(split))
        assert sum(shares[one_step] for one_step in "+-*") == pytest.approx(
            len(load(split)) / 2, abs=2
        )
        assert set(shares) == {"+", "-", "*", "++", "+-", "*+"}


def test_every_template_has_the_numbers_and_words_it_needs() -> None:
    for operation in OPERATIONS:
        numbers = operation.draw(Random(0))
        words = numbers._asdict() | {"name": "Anna", "other": "Ben", "items": "books"}
        for template in operation.templates:
            assert template.question.format(**words).endswith("?")
            assert str(numbers.n) in template.solution.format(**words)


@pytest.mark.slow
def test_the_same_problems_in_every_process() -> None:
    digests = set()
    for hash_seed in ("0", "1", "12345"):
        result = subprocess.run(
            [sys.executable, "-c", DIGEST],
            env=os.environ | {"PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)},
            capture_output=True,
            text=True,
            check=True,
        )
        digests.add(result.stdout.strip())
    assert len(digests) == 1


def test_prompt_ends_with_the_question_after_the_worked_examples() -> None:
    example = load("test")[0]
    messages = Arithmetic().prompt(example)
    assert messages[-1] == {"role": "user", "content": example.question}
    assert [message["role"] for message in messages] == [
        "system",
        *["user", "assistant"] * 2,
        "user",
    ]


def test_the_light_faces_import_no_heavy_library() -> None:
    code = (
        "import sys, forget.mirror, forget_datasets.gsm8k, forget_datasets.arithmetic\n"
        "print(*sorted({'torch', 'pyarrow', 'datasets', 'pandas', 'transformers'} "
        "& set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert result.stdout.strip() == ""
