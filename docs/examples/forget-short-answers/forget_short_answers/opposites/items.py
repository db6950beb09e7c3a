"""The items of the benchmark, which the task file names."""

from __future__ import annotations

from typing import Any

PAIRS = (
    ("hot", "cold"), ("big", "small"), ("early", "late"), ("open", "closed"), ("wet", "dry"),
    ("full", "empty"), ("old", "new"), ("high", "low"), ("fast", "slow"), ("hard", "soft"),
    ("loud", "quiet"), ("light", "dark"),
)  # fmt: skip


def items() -> list[dict[str, Any]]:
    """Offer each word's opposite and the next word's; the right one stands in turn first."""
    made = []
    for index, (word, opposite) in enumerate(PAIRS):
        other = PAIRS[(index + 1) % len(PAIRS)][1]
        choices = [opposite, other] if index % 2 == 0 else [other, opposite]
        made.append({"word": word, "choices": choices, "answer": index % 2})
    return made


def dataset(**_: object) -> dict[str, Any]:
    """Return what lm-eval's `custom_dataset` must: splits as `datasets.Dataset`."""
    from datasets import Dataset

    return {"test": Dataset.from_list(items())}
