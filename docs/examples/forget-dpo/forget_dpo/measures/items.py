"""The items of the benchmark: the lines of the file beside this one."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def items() -> list[dict[str, Any]]:
    """Read the questions, each with four choices and the place of the right one."""
    text = Path(__file__).with_name("items.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def dataset(**_: object) -> dict[str, Any]:
    """Return what lm-eval's `custom_dataset` must: splits as `datasets.Dataset`."""
    from datasets import Dataset

    return {"test": Dataset.from_list(items())}
