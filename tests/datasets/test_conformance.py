"""Every installed dataset against the contract; a new one is picked up by being installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from forget.dataset import DataAccess, Dataset
from forget.mirror import Mirror
from forget.plugins import load_plugins
from forget.testing import DatasetConformance, NoData, Rows

INSTALLED = {name: found.record for name, found in load_plugins().all("datasets").items()}


def gsm8k(n: int) -> dict[str, Any]:
    return {
        "question": f"What is {n} + {n}?",
        "answer": f"It is <<{n}+{n}={2 * n}>>.\n#### {2 * n}",
    }


def math(n: int) -> dict[str, Any]:
    return {"problem": f"Halve ${n}$.", "solution": f"It is $\\boxed{{\\frac{{{n}}}{{2}}}}$."}


def triviaqa(n: int) -> dict[str, Any]:
    return {
        "question": f"Who was the king of number {n}?",
        "answer": {"value": f"Otto {n}", "aliases": [f"King Otto {n}"]},
    }


ROWS = {
    "gsm8k": Rows(train=[*map(gsm8k, range(9))], test=[*map(gsm8k, range(9, 15))]),
    "math": Rows(train=[*map(math, range(9))], test=[*map(math, range(9, 15))]),
    "triviaqa": Rows(train=[*map(triviaqa, range(9))], validation=[*map(triviaqa, range(9, 15))]),
}
"""A few rows in the schema of each that reads some."""


class TestInstalledDatasets(DatasetConformance):
    @pytest.fixture(scope="class", params=sorted(INSTALLED))
    @classmethod
    def subject(cls, request: pytest.FixtureRequest) -> Dataset:
        dataset: Dataset = INSTALLED[request.param]
        return dataset

    @pytest.fixture(scope="class")
    @classmethod
    def access(cls, subject: Dataset) -> DataAccess:
        return ROWS.get(subject.name, NoData())


@pytest.mark.slow
class TestPublishedRows(DatasetConformance):
    """The same, on what their authors published."""

    in_both = ("test/precalculus/24307.json",)  # of MATH

    @pytest.fixture(scope="class", params=sorted(ROWS))
    @classmethod
    def subject(cls, request: pytest.FixtureRequest) -> Dataset:
        dataset: Dataset = INSTALLED[request.param]
        return dataset

    @pytest.fixture(scope="class")
    @classmethod
    def access(cls, data_root: Path) -> DataAccess:
        return Mirror(root=data_root)
