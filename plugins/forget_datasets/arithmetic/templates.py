"""The wordings of the arithmetic problems: operations, their numbers, and templates for each.

The numbers of a problem are `a`, `b` and `c`; `x` is the result of its first step and `n` the final
answer (`x` and `n` are the same in one-step problems).
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

__all__ = ["NAMES", "OBJECTS", "OPERATIONS", "Numbers", "Operation", "Template"]

NAMES = (
    "Anna", "Ben", "Clara", "David", "Emma", "Frank", "Grace", "Henry",
    "Julia", "Kevin", "Laura", "Mark", "Nina", "Oscar", "Paul", "Sara",
)  # fmt: skip

OBJECTS = (
    "apples", "balls", "books", "buttons", "cards", "coins",
    "cookies", "flowers", "marbles", "pencils", "shells", "stamps",
)  # fmt: skip


class Numbers(NamedTuple):
    """The numbers of one problem, in the order its text names them."""

    a: int
    b: int
    c: int
    x: int
    n: int


class Template(NamedTuple):
    """One wording: a question and the worked solution that goes with it."""

    question: str
    solution: str


class Operation(NamedTuple):
    """A kind of problem: how its numbers are drawn and in which words it is asked.

    Attributes:
        name: What it is.
        draw: Draws its numbers.
        templates: Its wordings.
        draw_more: Draws those of later problems, where `draw` has too few; None: as before.
    """

    name: str
    draw: Callable[[Random], Numbers]
    templates: tuple[Template, ...]
    draw_more: Callable[[Random], Numbers] | None = None

    @property
    def more(self) -> Callable[[Random], Numbers]:
        """Draws the numbers of later problems."""
        return self.draw_more or self.draw


def _draw_add(rng: Random) -> Numbers:
    a, b = rng.randrange(10, 70), rng.randrange(3, 30)
    return Numbers(a, b, 0, a + b, a + b)


def _draw_subtract(rng: Random) -> Numbers:
    a = rng.randrange(15, 60)
    b = rng.randrange(3, min(20, a - 2))
    return Numbers(a, b, 0, a - b, a - b)


def _draw_multiply(rng: Random) -> Numbers:
    a, b = rng.randrange(6, 50), rng.randrange(2, 11)
    return Numbers(a, b, 0, a * b, a * b)


def _draw_larger_product(rng: Random) -> Numbers:
    a, b = rng.randrange(50, 100), rng.randrange(2, 11)
    return Numbers(a, b, 0, a * b, a * b)


def _draw_add_add(rng: Random) -> Numbers:
    a, b, c = rng.randrange(5, 30), rng.randrange(3, 15), rng.randrange(3, 15)
    return Numbers(a, b, c, a + b, a + b + c)


def _draw_add_subtract(rng: Random) -> Numbers:
    a, b, c = rng.randrange(10, 40), rng.randrange(3, 20), rng.randrange(3, 12)
    return Numbers(a, b, c, a + b, a + b - c)


def _draw_multiply_add(rng: Random) -> Numbers:
    a, b, c = rng.randrange(3, 15), rng.randrange(2, 7), rng.randrange(3, 20)
    return Numbers(a, b, c, a * b, a * b + c)


OPERATIONS = (
    Operation(
        "add",
        _draw_add,
        (
            Template(
                "{name} has {a} {items} and buys {b} more. How many {items} does {name} have now?",
                "{a} + {b} = {n} {items}.",
            ),
            Template(
                "There are {a} {items} in one box and {b} {items} in another box. "
                "How many {items} are there in total?",
                "{a} + {b} = {n} {items} in total.",
            ),
            Template(
                "{name} found {a} {items} and {other} found {b} {items}. "
                "How many {items} did they find together?",
                "{a} + {b} = {n} {items} together.",
            ),
        ),
    ),
    Operation(
        "subtract",
        _draw_subtract,
        (
            Template(
                "{name} has {a} {items} and gives {b} of them to {other}. "
                "How many {items} does {name} have left?",
                "{a} - {b} = {n} {items} left.",
            ),
            Template(
                "A shop had {a} {items} and sold {b} of them. How many {items} are left?",
                "{a} - {b} = {n} {items} left.",
            ),
            Template(
                "{name} has {a} {items} and {other} has {b} {items}. "
                "How many more {items} does {name} have?",
                "{a} - {b} = {n} more {items}.",
            ),
        ),
    ),
    Operation(
        "multiply",
        _draw_multiply,
        (
            Template(
                "{name} has {b} boxes with {a} {items} in each box. "
                "How many {items} does {name} have in total?",
                "{b} * {a} = {n} {items} in total.",
            ),
            Template(
                "{name} buys {a} {items} every week. "
                "How many {items} does {name} buy in {b} weeks?",
                "{b} * {a} = {n} {items} in {b} weeks.",
            ),
        ),
        draw_more=_draw_larger_product,
    ),
    Operation(
        "add-add",
        _draw_add_add,
        (
            Template(
                "{name} has {a} red, {b} blue and {c} green {items}. "
                "How many {items} does {name} have in total?",
                "{a} + {b} = {x}.\n{x} + {c} = {n} {items}.",
            ),
            Template(
                "{name} sold {a} {items} on Monday, {b} on Tuesday and {c} on Friday. "
                "How many {items} did {name} sell?",
                "{a} + {b} = {x}.\n{x} + {c} = {n} {items}.",
            ),
        ),
    ),
    Operation(
        "add-subtract",
        _draw_add_subtract,
        (
            Template(
                "{name} has {a} {items}, buys {b} more and then gives away {c}. "
                "How many {items} are left?",
                "{a} + {b} = {x}.\n{x} - {c} = {n} {items} left.",
            ),
            Template(
                "{name} made {a} {items} and {other} made {b}. They sold {c} of them. "
                "How many {items} are left?",
                "{a} + {b} = {x}.\n{x} - {c} = {n} {items} left.",
            ),
        ),
    ),
    Operation(
        "multiply-add",
        _draw_multiply_add,
        (
            Template(
                "{name} has {b} bags with {a} {items} each and {c} more {items}. "
                "How many {items} does {name} have in total?",
                "{b} * {a} = {x}.\n{x} + {c} = {n} {items}.",
            ),
            Template(
                "{name} buys {b} packs of {a} {items} and finds {c} more. "
                "How many {items} does {name} have?",
                "{b} * {a} = {x}.\n{x} + {c} = {n} {items}.",
            ),
        ),
    ),
)
