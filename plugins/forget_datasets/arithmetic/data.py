"""Generation of the arithmetic problems: seeded, and the same in every process."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from random import Random

from forget.dataset import Example
from forget_datasets.arithmetic.templates import NAMES, OBJECTS, OPERATIONS, Numbers, Operation

__all__ = ["SIZES", "examples", "problem_key"]

SIZES = {"train": 2000, "test": 500}
"""Number of problems per split."""

_FIRST_OF_TEST = 200
"""Test problems that are generated before those of training; the others come after them."""

SEED = 20_240_917


SHOWN = (("add", "0", "12", "25"), ("add-subtract", "12", "15", "24"))
"""Keys of the worked examples in the prompt; no problem may be one of them."""


@cache
def examples(split: str) -> tuple[Example, ...]:
    """Return the problems of a split; no problem of one split is in the other, in any wording."""
    problems, end = _problems(), _FIRST_OF_TEST + SIZES["train"]
    train, test = problems[_FIRST_OF_TEST:end], problems[:_FIRST_OF_TEST] + problems[end:]
    return tuple(
        Example(id=f"{split}-{index:05d}", question=question, solution=solution, answer=answer)
        for index, (question, solution, answer) in enumerate({"train": train, "test": test}[split])
    )


def problem_key(operation: str, numbers: Numbers) -> tuple[str, ...]:
    """Return what makes two problems the same calculation: the operation and the set of numbers.

    Templates of one operation share their keys, and the order of the numbers does not count, so a
    test problem never comes back in training with other words or as ``b + a``.
    """
    return (operation, *map(str, sorted(numbers[:3])))


@cache
def _problems() -> list[tuple[str, str, str]]:
    """Return the problems of all splits: operations in turn, so that every split is balanced."""
    rng = Random(SEED)  # noqa: S311 -- reproducible problems, not secrets
    seen: set[tuple[str, ...]] = set(SHOWN)
    found = []
    for index in range(sum(SIZES.values())):
        operation = OPERATIONS[index % len(OPERATIONS)]
        small = index < _FIRST_OF_TEST + SIZES["train"]
        found.append(_problem(operation, operation.draw if small else operation.more, rng, seen))
    return found


def _problem(
    operation: Operation,
    draw: Callable[[Random], Numbers],
    rng: Random,
    seen: set[tuple[str, ...]],
) -> tuple[str, str, str]:
    """Draw a problem whose key is not in `seen`, and put its key there."""
    numbers = draw(rng)
    while problem_key(operation.name, numbers) in seen:
        numbers = draw(rng)
    seen.add(problem_key(operation.name, numbers))
    template = rng.choice(operation.templates)
    name = rng.choice(NAMES)
    other = rng.choice([candidate for candidate in NAMES if candidate != name])
    words = numbers._asdict() | {"name": name, "other": other, "items": rng.choice(OBJECTS)}
    solution = f"{template.solution.format(**words)}\n#### {numbers.n}"
    return template.question.format(**words), solution, str(numbers.n)
