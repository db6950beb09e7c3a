from __future__ import annotations

import os
import random
import subprocess
import sys
from array import array
from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from forget.inference.batching import batch_prompts, batch_sequences
from forget.inference.forest import count_nodes

tokens = st.integers(0, 3)
sequences_of_tokens = st.lists(st.lists(tokens, min_size=1, max_size=60), max_size=30)
budgets = st.integers(1, 200)

UNSHARED = {
    "short": [[i] * 7 for i in range(40)],
    "more than half a batch": [[i] * 60 for i in range(10)],
    "a whole batch each": [[i] * (100 if i else 50) for i in range(30)],
    "all longer than a batch": [[i] * 150 for i in range(12)],
    "one longer than a batch": [[i] * (500 if i == 7 else 9) for i in range(40)],
}


def check(test: Callable[..., None]) -> Callable[..., None]:
    """Check a property of plans; without a deadline, which a busy machine would miss."""
    return settings(deadline=None, max_examples=60)(test)


def examples(number: int = 0) -> list[list[int]]:
    """Questions with four answers each, as a benchmark of multiple choices asks them."""
    drawn = random.Random(number)
    contexts = [[drawn.randrange(400) for _ in range(drawn.randint(60, 140))] for _ in range(60)]
    return [
        [*context, *(drawn.randrange(400) for _ in range(drawn.randint(1, 8)))]
        for context in contexts
        for _ in range(4)
    ]


def sizes(sequences: Sequence[Sequence[int]], budget: int) -> list[int]:
    return [
        count_nodes([sequences[index] for index in batch])
        for batch in batch_sequences(sequences, budget)
    ]


@check
@given(sequences_of_tokens, budgets)
def test_every_sequence_is_in_one_batch(sequences: list[list[int]], budget: int) -> None:
    batches = batch_sequences(sequences, budget)
    assert sorted(index for batch in batches for index in batch) == list(range(len(sequences)))
    assert all(batches)


@check
@given(sequences_of_tokens, budgets)
def test_the_plan_depends_on_the_sequences_alone(sequences: list[list[int]], budget: int) -> None:
    plan = batch_sequences(sequences, budget)
    assert batch_sequences(list(sequences), budget) == plan
    assert batch_sequences([array("i", sequence) for sequence in sequences], budget) == plan
    assert batch_sequences([tuple(sequence) for sequence in sequences], budget) == plan


@pytest.mark.slow
def test_the_plan_does_not_depend_on_the_process() -> None:
    """Sets and hashes of texts differ between processes; a plan must not."""
    code = (
        "from forget.inference.batching import batch_prompts, batch_sequences\n"
        "print(batch_sequences([[i % 5, i % 7, i] for i in range(40)], 20))\n"
        "print(batch_prompts([i % 5 + 1 for i in range(40)], 7))"
    )
    said = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(said) == 1
    assert said != {""}


def check_sizes(sequences: Sequence[Sequence[int]], budget: int) -> None:
    longest = max(map(len, sequences), default=0)
    assert max(sizes(sequences, budget), default=0) <= 1.3 * budget + longest


@pytest.mark.parametrize("sequences", UNSHARED.values(), ids=UNSHARED)
def test_no_batch_is_much_larger_than_the_budget(sequences: list[list[int]]) -> None:
    check_sizes(sequences, 100)


@check
@given(sequences_of_tokens, budgets)
@example(UNSHARED["a whole batch each"], 100)
def test_no_batch_is_ever_much_larger_than_the_budget(
    sequences: list[list[int]], budget: int
) -> None:
    check_sizes(sequences, budget)


@pytest.mark.parametrize("budget", [500, 1000, 3000])
def test_batches_are_of_equal_size(budget: int) -> None:
    sequences = examples()
    found = sizes(sequences, budget)
    assert len(found) == -(-count_nodes(sequences) // budget)
    assert max(found) <= 1.3 * min(found) + 150  # a cut lies between two questions
    assert sizes(UNSHARED["short"], 70) == [70, 70, 70, 70]


def test_one_batch_if_all_fits() -> None:
    sequences = examples()
    assert len(batch_sequences(sequences, count_nodes(sequences))) == 1
    assert len(batch_sequences(sequences, count_nodes(sequences) - 1)) == 2


@pytest.mark.parametrize("number", range(3))
def test_cuts_are_made_where_little_is_shared(number: int) -> None:
    """Two prefixes are never on both sides of a cut where questions end in between."""
    sequences = examples(number)
    assert sum(sizes(sequences, 1500)) <= 1.01 * count_nodes(sequences)


def test_a_cut_moves_a_little_only() -> None:
    """Groups of 60 and 140 share a token: most cuts are made within a group, near their place."""
    sequences = [[i, j] for i in range(10) for j in range(139 if i % 2 else 59)]
    found = sizes(sequences, 100)
    assert len(found) == 10
    assert max(found) - min(found) <= 30


def test_a_common_start_is_computed_once_for_each_batch() -> None:
    start = list(range(1000, 1100))
    sequences = [[*start, *sequence] for sequence in examples()]
    found = sizes(sequences, 1500)
    assert sum(found) <= 1.01 * count_nodes(sequences) + len(start) * len(found)


@check
@given(sequences_of_tokens, budgets)
def test_the_longest_come_first(sequences: list[list[int]], budget: int) -> None:
    longest = [
        max(len(sequences[index]) for index in batch)
        for batch in batch_sequences(sequences, budget)
    ]
    assert longest == sorted(longest, reverse=True)


def test_a_sequence_longer_than_the_budget_has_little_beside_it() -> None:
    sequences = UNSHARED["one longer than a batch"]
    first = batch_sequences(sequences, 100)[0]
    assert 7 in first
    assert count_nodes([sequences[index] for index in first]) <= 500 + 130


def test_no_sequences() -> None:
    assert batch_sequences([], 100) == []
    assert batch_prompts([], 4) == []


# --- prompts


@check
@given(st.lists(st.integers(1, 50), max_size=60), st.integers(1, 300))
def test_prompts_are_batched_longest_first_by_their_memory(lengths: list[int], budget: int) -> None:
    batches = batch_prompts(lengths, budget)
    order = [index for batch in batches for index in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[index] for index in order] == sorted(lengths, reverse=True)
    for batch in batches:
        assert len(batch) == 1 or len(batch) * lengths[batch[0]] <= budget


@check
@given(st.integers(0, 60), st.integers(1, 9))
def test_prompts_of_one_length_are_batched_equally(count: int, most: int) -> None:
    counts = [len(batch) for batch in batch_prompts([7] * count, 7 * most + 6)]
    assert len(counts) == -(-count // most)
    assert max(counts, default=0) - min(counts, default=0) <= 1


def test_batches_of_shorter_prompts_hold_more() -> None:
    found = batch_prompts([100] * 4 + [10] * 40, 200)
    assert [len(batch) for batch in found] == [2, 2, 20, 20]


def test_prompts_of_equal_length_keep_their_order() -> None:
    assert batch_prompts([3, 3, 5, 3], 10) == [(2, 0), (1, 3)]
