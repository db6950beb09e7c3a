"""The items of the instant benchmarks, which their task files name."""

from __future__ import annotations

from typing import Any

__all__ = ["dataset", "items"]

SUMS = 12


def items() -> list[dict[str, Any]]:
    """Return sums, each with four choices of which the right one stands in turn at each place."""
    made = []
    for n in range(SUMS):
        right = 2 * n + 1
        choices = [str(right + place - n % 4) for place in range(4)]
        made.append({"question": f"{n} + {n + 1} =", "choices": choices, "answer": n % 4})
    return made


def dataset(**_: object) -> dict[str, Any]:
    """Return what lm-eval's `custom_dataset` must: splits as `datasets.Dataset`."""
    from datasets import Dataset

    return {"test": Dataset.from_list(items())}
