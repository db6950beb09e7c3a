"""What is left of a study, worked out from what was measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.scheduler.costs import Costs, estimate, measured
from forget.scheduler.matrix import duration
from forget.scheduler.units import Stage, State, Unit
from forget.store import journal
from forget.store.layout import RunFolder


def run(method: str = "gt-sft", dataset: str = "sums", folder: Path = Path("x")) -> Any:
    def record(name: str) -> SimpleNamespace:
        return SimpleNamespace(record=SimpleNamespace(name=name))

    return SimpleNamespace(
        model=SimpleNamespace(name="m"),
        dataset=record(dataset),
        method=record(method),
        folder=RunFolder(folder),
    )


def unit(
    name: str, stage: Stage, *needs: str, state: State = "ready", expected: int | None = None
) -> Unit:
    return Unit(name=name, stage=stage, run=run(), needs=needs, state=state, expected=expected)


COSTS = Costs({("prepare", "m"): 1.0, ("train", "m"): 100.0, ("evaluate", "m"): 10.0})

UNITS = [
    unit("base", "evaluate", expected=1),
    unit("a/prepare", "prepare", state="done"),
    unit("a/train", "train", "a/prepare"),
    unit("a/evaluate", "evaluate", "a/train", expected=3),
    unit("b/prepare", "prepare"),
    unit("b/train", "train", "b/prepare"),
]


@pytest.mark.parametrize(
    ("slots", "finish"),
    [
        # base 10, a/train 100, a/evaluate 30, b/prepare 1, b/train 100, one after the other
        (1, 241.0),
        # base 0-10 and a/train 0-100; a/evaluate 100-130 and b/prepare 100-101, b/train 101-201
        (2, 201.0),
        # a/evaluate waits for a/train in the first place that is free, b in the others
        (4, 130.0),
    ],
)
def test_when_all_is_done(slots: int, finish: float) -> None:
    found = estimate(UNITS, COSTS, slots)
    assert found.seconds == {"evaluate": 40.0, "train": 200.0, "prepare": 1.0}
    assert found.critical_s == 130.0
    assert found.unknown == {}
    assert found.finish_s == finish


def test_what_is_not_known_is_counted() -> None:
    found = estimate([unit("a", "generate"), unit("b", "evaluate", "a")], COSTS)
    assert found.unknown == {"generate": 1, "evaluate": 1}
    assert (found.critical_s, found.finish_s) == (0.0, 0.0)


def test_the_nearest_measurement_counts(tmp_path: Path) -> None:
    """By the same method on the same dataset, else on the dataset, else with the model."""
    runs = [
        run("gt-sft", "sums", tmp_path / "a"),
        run("spin", "sums", tmp_path / "b"),
        run("spin", "riddles", tmp_path / "c"),
    ]
    for each, seconds in zip(runs, (10.0, 30.0, 110.0), strict=True):
        done = {"stage": "train", "models": 0, "seconds": seconds, "status": "done"}
        journal.append(each.folder.work_journal, [done, {**done, "status": "failed"}])
    scored = {"stage": "evaluate", "models": 4, "seconds": 8.0, "status": "done"}
    journal.append(runs[0].folder.work_journal, [scored])
    with runs[0].folder.work_journal.open("a") as file:
        file.write('{"stage": "tra\n[]\n')
    costs = measured([*runs, run("pi", "sums", tmp_path / "none")])

    def of(stage: Stage, method: str, dataset: str, expected: int | None = None) -> float | None:
        wanted = Unit(
            name="", stage=stage, run=run(method, dataset), state="ready", expected=expected
        )
        return costs.of(wanted)

    assert of("train", "spin", "sums") == 30.0
    assert of("train", "pi", "sums") == 20.0
    assert of("train", "pi", "rhymes") == 50.0
    assert of("evaluate", "pi", "rhymes", 3) == 6.0
    assert of("evaluate", "pi", "rhymes") is None
    assert of("prepare", "pi", "sums") is None


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (61.0, "1 min 1 s"), (11400.0, "3 h 10 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
