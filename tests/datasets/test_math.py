from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from forget.completion import Completion
from forget.dataset import Dataset, Example, Source, Verdict
from forget.errors import DataError
from forget.mirror import Mirror
from forget_datasets import math
from forget_datasets.math import Math
from forget_datasets.math.answers import CPU_LIMIT_S, compare, workers
from forget_datasets.math.latex import tidy

ROW = {
    "problem": "What is $\\frac14 + \\frac14$?",
    "level": "Level 1",
    "type": "Prealgebra",
    "solution": "It is not $\\boxed{\\frac14}$ but $\\frac24 = \\boxed{\\frac{1}{2}}$.",
    "subject": "prealgebra",
    "unique_id": "train/prealgebra/1.json",
}


class Rows:
    def __init__(self, *rows: Mapping[str, Any]) -> None:
        self._rows = rows

    def rows(self, source: Source, split: str) -> Iterable[Mapping[str, Any]]:
        return self._rows


def verdict(gold: str, text: str, *, finished: bool = True) -> Verdict:
    example = Example(id="x", question="", solution="", answer=gold)
    return Math().verify(example, Completion(text=text, finished=finished, tokens=1))


# --- the dataset


def test_is_a_dataset_and_is_yielded_by_the_hook() -> None:
    (found,) = math.forget_datasets()
    assert isinstance(found, Dataset)
    assert (found.name, found.max_new_tokens) == ("math", 1024)


def test_a_row_becomes_an_example() -> None:
    (example,) = Math().load("train", Rows(ROW))
    assert example.id == "train/prealgebra/1.json"
    assert example.question == ROW["problem"]
    assert example.solution == ROW["solution"]
    assert example.answer == "\\frac{1}{2}"
    assert example.level == "Level 1"


def test_a_row_of_the_hub_has_an_id_that_its_place_does_not_decide() -> None:
    plain = {key: ROW[key] for key in ("problem", "level", "type", "solution")}
    rows = [plain | {"config": "algebra"}, plain | {"problem": "?", "config": "algebra"}]
    ids = [example.id for example in Math().load("train", Rows(*rows))]
    assert ids[::-1] == [example.id for example in Math().load("train", Rows(*rows[::-1]))]
    assert len({*ids}) == 2
    assert all(name.startswith("train/algebra/") for name in ids)


@pytest.mark.parametrize(
    ("solution", "answer"),
    [
        ("so \\boxed 5$.", "5"),
        ("so \\fbox{7}", "7"),
        ("\\boxed{\\boxed{3}}", "3"),
        ("\\boxed{\\{1,2\\}}", "\\{1,2\\}"),
        ("\\boxed{1} or \\boxed{2}", "2"),
        (
            "\\boxed{\\begin{pmatrix}1\\\\{2}\\end{pmatrix}}",
            "\\begin{pmatrix}1\\\\{2}\\end{pmatrix}",
        ),
    ],
)
def test_the_answer_is_in_the_last_box(solution: str, answer: str) -> None:
    (example,) = Math().load("test", Rows(ROW | {"solution": solution}))
    assert example.answer == answer


def test_the_prompt_is_one_user_message_that_asks_for_the_box() -> None:
    (example,) = Math().load("train", Rows(ROW))
    (message,) = Math().prompt(example)
    assert message["role"] == "user"
    assert message["content"].startswith(example.question)
    assert "\\boxed{}" in message["content"]


def test_without_an_answer_a_problem_is_not_trained_on_but_tested() -> None:
    rows = Rows(ROW, ROW | {"solution": "so there are $\\boxed{}$", "unique_id": "train/x/2.json"})
    assert len(Math().load("train", rows)) == 1
    assert [example.answer for example in Math().load("test", rows)] == ["\\frac{1}{2}", ""]


def test_a_level_that_nobody_knows_is_empty() -> None:
    (example,) = Math().load("train", Rows(ROW | {"level": "Level ?"}))
    assert example.level == ""


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"problem": "1?"},
        {"problem": "1?", "solution": None},
        {"problem": None, "solution": "\\boxed{1}"},
        {"problem": "1?", "solution": "It is 1."},
        {"problem": "1?", "solution": "It is \\boxed{1."},
        {"problem": "1?", "solution": "It is \\boxed{1} or \\boxed{2."},
    ],
)
def test_a_wrong_row_is_named(row: dict[str, Any]) -> None:
    with pytest.raises(DataError, match="test-00001") as caught:
        Math().load("test", Rows(ROW, row))
    assert "\n" not in str(caught.value)


def test_the_face_imports_no_heavy_library() -> None:
    code = (
        "import sys, forget_datasets.math, forget_datasets.math.answers\n"
        "print(*{'sympy', 'math_verify', 'torch', 'pyarrow'} & {*sys.modules})"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


# --- what is right

ACCEPTED = r"""
0.25 | \frac14
\frac14 | 0.25
\frac14 | \dfrac{1}{4}
\frac14 | \frac{2}{8}
\frac12 | 1/2
\frac12 | 2/4
-\frac{1}{2} | \frac{-1}{2}
-\frac{1}{2} | \frac{1}{-2}
-\frac{1}{2} | −0.5
1000 | 1,000
1000 | 1{,}000
1,\!657 | 1657
\$306,\!956.63 | 306956.63
\dfrac{1}{29,\!322,\!216} | \frac{1}{29,322,216}
3 | 3.0
3 | 3.
3 | $3$
3 | \(3\)
3 | \displaystyle 3
3 | x = 3
x=3 | 3
3 | 1+2=3
007 | 7
5 | ５
3x+2 | 2+3x
(x+1)(x-1) | x^2-1
x^2+2x+1 | (x+1)^2
\frac{x+2}{7} | \frac17x+\frac27
y=2x+3 | y = 3+2x
y=2x+3 | 2x+3
\sqrt{8} | 2\sqrt2
\sqrt{8} | 2\sqrt{2}
\frac{\sqrt{2}}{2} | \frac{1}{\sqrt2}
2^{10} | 1024
5! | 120
\binom{5}{2} | 10
\frac\pi 2 | \pi/2
\frac{\pi}{2} | \frac\pi2
2\cos x | 2 \cos(x)
\sin^2 t | \sin^2t
3+4i | 4i+3
5\frac{1}{2} | 5.5
5\frac{1}{2} | \frac{11}{2}
1500 | 1.5\times10^3
(1,2) | \left( 1, 2 \right)
(1,2) | (x,y)=(1,2)
(3,\frac{\pi}{2}) | \left(3,\frac{\pi}2\right)
[2,5) | \left[2,5\right)
[2,5) | x \in [2,5)
(-\infty, 2) \cup (3, \infty) | (3,\infty)\cup(-\infty,2)
\{1,2\} | \{2,1\}
1,2 | 2,1
1,2 | 2 \text{ and } 1
-2 \text{ or } -12 | -12, -2
1 \pm \sqrt{2} | 1+\sqrt2,1-\sqrt2
\begin{pmatrix}1\\2\end{pmatrix} | \begin{bmatrix} 1 \\ 2 \end{bmatrix}
\begin{pmatrix} -1 & 0 \\ 0 & -1 \end{pmatrix}. | \begin{pmatrix}-1&0\\0&-1\end{pmatrix}
17 | 17\text{ cm}
17 | 17~\text{cm}
17 | 17\ \mathrm{cm}
17 \mbox{ cm}^2 | 17
17 | \$17
17 | 17^\circ
17^\circ | 17
17^{\circ} | 17^\circ.
17\% | 17
17 | 17\%
17\% | 0.17
\frac34 | 75\%
12\% | \frac{12}{100}
10101_2 | 10101
10101_2 | 10101_{2}
10101 | 10101_2
\text{Evelyn} | Evelyn
\text{Evelyn} | \text{evelyn}
\text{Evelyn} | \mathrm{Evelyn}
\text{even} | Even
\text{(E)} | E
\text{(E)}, | (E)
C | \text{(C)}
\text{B,C} | B, C
CBAD | \text{CBAD}
05\!:\!00 | 05:00
\emptyset | \varnothing
x \ge 3 | x\geq 3
\infty | \infty
a + b + c | a+b+c
"""

REJECTED = r"""
18 |
18 | \text{}
18 | .
18 | 19
18 | -18
-18 | 18
18 | 180
18 | 1.8
18 | 18.5
18 | 0.18
18 | 1 8
18 | 1,8
18 | 18.0001
18 | 17.99
18 | 18,20
18 | \{18,20\}
18 | 18 \text{ or } 20
18 | 20 \text{ or } 18
18 | 18\text{ to }20
18 | 18\text{ not }20
18 | \text{not } 18
18 | 18\pm 1
18 | 18x
18 | 18+x
18 | 18^2
18 | 18!
18 | \sqrt{18}
18 | 18\pi
18 | 18i
18 | <18
18 | \le 18
18 | x<18
18 | x\ne 18
18 | [18,19]
18 | (18,18)
18 | 18=20
18 | 20=18
18 | 20=9+9=18
18 | 18+0.5
18 | 18/1/18
18 | \text{eighteen?}
18 | \text{The answer is }18
18 | ?
1000 | 1.000
1000 | 1,00
\frac13 | 0.333
\frac13 | .33
\frac13 | 0.3333333333
\frac13 | \frac31
\frac13 | -\frac13
\frac12 | \frac12\text{ or }\frac13
\sqrt2 | 1.414
\sqrt2 | 2
\pi | 3.14
\pi | \frac{22}{7}
2\sqrt3 | 3\sqrt2
(1,2) | (2,1)
(1,2) | [1,2]
(1,2) | \{1,2\}
(1,2) | 1,2
(1,2) | 2,1
(1,2) | 12
(1,2) | (1,2,3)
[2,5) | (2,5)
[2,5) | [2,5]
[2,5) | 2\le x<5
x\ge 3 | x>3
x\ge 3 | x\le 3
1,2 | 1
1,2 | 12
1,2 | 1,2,3
\{1,2\} | \{1,2,3\}
\{1,2\} | (1,2)
70,72 | 70
70 | 70,72
\begin{pmatrix}1\\2\end{pmatrix} | (1,2)
\begin{pmatrix}1\\2\end{pmatrix} | \begin{pmatrix}2\\1\end{pmatrix}
\begin{pmatrix}1\\2\end{pmatrix} | \begin{pmatrix}1&2\end{pmatrix}
3x+2 | 3x-2
3x+2 | 3y+2
x^2-1 | x^2+1
x=5 | y=5
x=5 | x=6
y=2x+3 | y=2x-3
10101_2 | 10101_3
10101_2 | 21
0.12 | 12
12 | 0.12
12\% | 1200
12\% | 13\%
\text{Evelyn} | \text{Eve}
\text{Evelyn} | E
\text{Evelyn} | Evelyn, Briana
\text{Evelyn} | nylevE
\text{CBAD} | ABCD
CBAD | ABCD
\text{(A)} | (B)
\text{A} | B
\text{odd} | \text{even}
\text{odd} | ddo
\text{B,C} | B
5:4 | 4:5
3+4i | 3-4i
\infty | -\infty
0 | \text{none}
0 | \emptyset
2 | x=1,y=2
5 | \pm5
05:00 | 05:01
a+b | ab
1 | \frac{1}{0}
1 | \frac{0}{0}
x | y
"""


def pairs(table: str) -> list[tuple[str, str]]:
    lines = [line.partition(" |") for line in table.strip().splitlines()]
    return [(gold.strip(), answer.strip()) for gold, _, answer in lines]


@pytest.mark.slow
@pytest.mark.parametrize(("gold", "answer"), pairs(ACCEPTED))
def test_accepts_a_right_answer_however_written(gold: str, answer: str) -> None:
    found = verdict(gold, f"So the answer is $\\boxed{{{answer}}}$.")
    assert found.correct, found
    assert found.extracted == answer


@pytest.mark.slow
@pytest.mark.parametrize(("gold", "answer"), pairs(REJECTED))
def test_rejects_near_misses(gold: str, answer: str) -> None:
    found = verdict(gold, f"So the answer is $\\boxed{{{answer}}}$.")
    assert not found.correct, found
    assert found.reason


def test_there_are_enough_cases() -> None:
    assert len({*pairs(ACCEPTED)}) >= 60
    assert len({*pairs(REJECTED)}) >= 100


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("\\boxed{18}", True),
        ("\\fbox{18}", True),
        ("\\boxed 18", True),
        ("\\\\boxed{18}", True),
        ("\\boxed{17} no, \\boxed{18}", True),
        ("\\boxed{18} no, \\boxed{17}", False),
        ("\\boxed{\\boxed{18}}", True),
        ("{{ \\boxed{18}", True),
        ("\\boxed{18} and that is the end. 20", True),
        ("<think>\\boxed{20}</think>\\boxed{18}", True),
        ("template's thought \\boxed{20}</think>\\boxed{18}", True),
        ("", False),
        ("18", False),
        ("$18$", False),
        ("The answer is 18.", False),
        ("The final answer is $18$. I hope it is correct.", False),
        ("#### 18", False),
        ("boxed{18}", False),
        ("\\boxed{18", False),
        ("\\boxed{\\frac{18}{1}", False),
        ("\\boxed{18} or rather \\boxed{20", False),
        ("\\boxed{18} or rather \\boxed{18", False),
        ("\\boxed{}", False),
        ("\\boxed{ }", False),
        ("\\boxed eighteen", False),
        ("<think>\\boxed{18}", False),
        ("<think>\\boxed{18}</think>", False),
        ("<think>\\boxed{18}</think> it is \\boxed{20}", False),
        ("\\boxed{18}</think>", False),
    ],
)
def test_only_the_last_closed_box_outside_of_thoughts_counts(text: str, correct: bool) -> None:
    found = verdict("18", text)
    assert found.correct is correct, found
    assert not found.truncated


@pytest.mark.parametrize(
    ("text", "correct"),
    [
        ("So \\boxed{18}", True),
        ("So \\boxed{18} and th", True),
        ("So \\boxed{18", False),
        ("So \\boxed 18", False),
        ("So \\boxed 18 and", True),
        ("\\boxed{18} or \\boxed{1", False),
        ("<think>\\boxed{18} and", False),
        ("16 + 2 =", False),
    ],
)
def test_a_cut_completion_counts_only_with_a_closed_box(text: str, correct: bool) -> None:
    found = verdict("18", text, finished=False)
    assert found.correct is correct, found
    assert found.truncated


@pytest.mark.parametrize("gold", ["", " ", "$", "\\!", "."])
@pytest.mark.parametrize("text", ["", "\\boxed{}", "\\boxed{ }", "\\boxed{0}", "\\boxed{\\text{}}"])
def test_without_a_gold_answer_nothing_is_right(gold: str, text: str) -> None:
    found = verdict(gold, text)
    assert not found.correct
    if found.extracted is not None:
        assert found.reason == "the example has no answer to compare with"


@pytest.mark.slow
def test_reasons_say_what_was_found() -> None:
    assert verdict("18", "x").reason == "no closed \\boxed{} found"
    assert verdict("18", "x", finished=False).reason == "cut before it closed a \\boxed{}"
    assert verdict("18", "\\boxed{20}").reason == "'20' is another number: '18'"
    assert "not closed" in verdict("18", "\\boxed{18} \\boxed{1").reason
    assert "longer than" in verdict("18", "\\boxed{" + "1" * 600 + "}").reason
    assert "another base" in verdict("10_2", "\\boxed{10_3}").reason
    assert "contradicts itself" in verdict("18", "\\boxed{20 = 18}").reason


# --- odd texts

ODD = [
    "\x00", "\ud800", "🙂", "\\", "\\\\", "{", "}", "\\{", "\\}", "\\frac", "\\frac{", "\\frac{1}",
    "\\sqrt", "\\text{", "\\begin{pmatrix}", "\\end{x}", "^", "_", "%", "\\%", "$", "&", "#", "~",
    "\\left(", "\\right", "\\boxed", "\\boxed{", "\\fbox{1}", "1", "x", "=", "<", ",", "(", ")",
    "[", "|", "!", "'", "\\pi", "\\sum", "\\int", "\\infty", "\\cdot", "\n", "１", "\\text{ or }",
    "__import__('os')", "lambda", "%s", "{0}",
]  # fmt: skip


@pytest.mark.slow
@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(ODD), max_size=8).map("".join)))
def test_odd_texts_never_raise(text: str) -> None:
    verdict("\\frac{1}{2}", f"\\boxed{{{text}}}")
    verdict(text, "\\boxed{\\frac{1}{2}}")
    verdict("1", text, finished=False)
    assert tidy(tidy(text)) is not None


@pytest.mark.slow
@pytest.mark.parametrize("unit", ODD, ids=ascii)
def test_long_odd_texts_are_judged(unit: str) -> None:
    body = unit * (100_000 // len(unit))
    for text in (body, f"\\boxed{{{body}}}", f"\\boxed{{{unit * (60 // len(unit))}}}"):
        assert not verdict("18", text).correct


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        "9^{9^{9^9}}",
        "(10^{10})!",
        "((9!)!)!",
        "\\sum_{n=1}^{10^9} \\frac{1}{n^2}",
        "(x+y+z+1)^{3000}",
        "\\binom{10^9}{10^8}",
        "(" * 200 + "1" + ")" * 200,
    ],
)
def test_a_pathological_answer_costs_its_limit_and_the_next_verdict_is_right(answer: str) -> None:
    found = verdict("2", f"\\boxed{{{answer}}}")
    assert not found.correct
    # How deep brackets may go before reading them fails is up to the stack.
    reasons = (f"more than {CPU_LIMIT_S} s", "not an expression that can be read")
    assert any(reason in found.reason for reason in reasons[: 1 + answer.startswith("((((")])
    assert verdict("2", "\\boxed{\\sqrt{4}}").correct


# --- the published answers


@pytest.mark.slow
@pytest.mark.parametrize(("split", "count"), [("train", 7498), ("test", 5000)])
def test_every_published_solution_is_right(data_root: Path, split: str, count: int) -> None:
    dataset, mirror = Math(), Mirror(root=data_root)
    examples = dataset.load(split, mirror)
    published = {row["unique_id"]: row for row in mirror.rows(dataset.source, split)}
    assert len(examples) == len({example.id for example in examples}) == count
    for example in examples:
        assert example.answer == published[example.id]["answer"].strip()
        completion = Completion(text=example.solution, finished=True, tokens=1)
        assert dataset.verify(example, completion).correct, example.id


@pytest.mark.slow
def test_what_is_left_out_of_training_has_no_answer(data_root: Path) -> None:
    dataset, mirror = Math(), Mirror(root=data_root)
    kept = {example.id for example in dataset.load("train", mirror)}
    rows = mirror.rows(dataset.source, "train")
    left_out = {row["unique_id"]: row["answer"] for row in rows if row["unique_id"] not in kept}
    assert left_out == {"train/number_theory/7115.json": "", "train/number_theory/7117.json": ""}
    assert Counter(e.level for e in dataset.load("train", mirror))[""] == 2


TEXT_ALONE = {
    "train/counting_and_probability/557.json": "contradicts itself",
    "train/intermediate_algebra/1918.json": "can only be compared as text, and differs",
    "train/prealgebra/281.json": "differs",
    "train/precalculus/1311.json": "can only be compared as text, and differs",
}
"""Gold answers that only their spelling can match: "0.56 = 56%", a time of day, two unread ones."""


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
def test_gold_answers_equal_themselves_in_value(data_root: Path, split: str) -> None:
    examples = Math().load(split, Mirror(root=data_root))
    with ThreadPoolExecutor(2) as threads:
        asked = threads.map(lambda e: workers().ask([tidy(e.answer)] * 2), examples)
        replies = dict(zip([e.id for e in examples], asked, strict=True))
    found = {name: reply["reason"] for name, reply in replies.items() if not reply["equal"]}
    assert found == {name: why for name, why in TEXT_ALONE.items() if name.startswith(split)}


@pytest.mark.slow
@pytest.mark.parametrize("split", ["train", "test"])
def test_another_published_answer_is_rejected(data_root: Path, split: str) -> None:
    """Where neighbours are equal though written differently, a person has looked at them."""
    answers = [e.answer for e in Math().load(split, Mirror(root=data_root))][::3]
    equal = {frozenset(pair) for pair in pairwise(answers) if compare(*pair)[0]}
    assert {pair for pair in equal if len({*map(tidy, pair)}) == 2} == EQUAL_NEIGHBOURS[split]


EQUAL_NEIGHBOURS: dict[str, set[frozenset[str]]] = {
    "train": set(),
    "test": {frozenset({"75", "75^\\circ"})},
}
