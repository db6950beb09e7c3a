"""What is left of a study, worked out from what was measured."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from forget.hint import Hint
from forget.scheduler.costs import Costs, estimate, like, measured
from forget.scheduler.matrix import duration
from forget.scheduler.units import Stage, State, Unit
from forget.store import journal
from forget.store.layout import Workspace


def run(
    method: str = "gt-sft", dataset: str = "sums", steps: int | None = 10, limit: int = 5
) -> Any:
    def record(name: str) -> SimpleNamespace:
        return SimpleNamespace(record=SimpleNamespace(name=name))

    return SimpleNamespace(
        model=SimpleNamespace(name="m"),
        dataset=record(dataset),
        method=record(method),
        settings=SimpleNamespace(max_steps=steps, epochs=3.0, batch_size=4, lora_rank=0),
        exams=(SimpleNamespace(key=lambda: f"benchmark-{limit}"),),
    )


def unit(
    name: str, stage: Stage, *needs: str, state: State = "ready", expected: int | None = None
) -> Unit:
    return Unit(name=name, stage=stage, run=run(), needs=needs, state=state, expected=expected)


SECONDS = {"prepare": 1.0, "train": 100.0, "evaluate": 10.0}


def costs() -> Costs:
    stages: tuple[Stage, ...] = ("prepare", "train", "evaluate")
    return Costs({(s, like(run(), s)["amount"], "m"): SECONDS[s] for s in stages})


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
        # base, a/train, a/evaluate, b/prepare, b/train, one after the other
        (1, 10.0 + 100 + 30 + 1 + 100),
        # base to 10, b/prepare to 11, b/train to 111; beside them a/train to 100, a/evaluate to 130
        (2, 130.0),
        (4, 130.0),
    ],
)
def test_when_all_is_done(slots: int, finish: float) -> None:
    found = estimate(UNITS, costs(), slots)
    assert found.seconds == {"evaluate": 40.0, "train": 200.0, "prepare": 1.0}
    assert found.critical_s == 130.0
    assert found.unknown == {}
    assert found.finish_s == finish


def test_a_free_process_takes_what_is_ready() -> None:
    """Not the next of the list, which waits: 18 runs of training and evaluations on 4 processes."""
    units = [
        made
        for number in range(18)
        for made in (
            unit(f"{number}/train", "train"),
            unit(f"{number}/evaluate", "evaluate", f"{number}/train", expected=10),
        )
    ]
    found = estimate(units, costs(), 4)
    assert 18 * 200 / 4 <= found.finish_s <= 18 * 200 / 4 + 100


def test_what_is_not_known_is_counted() -> None:
    found = estimate([unit("a", "generate"), unit("b", "evaluate", "a")], costs())
    assert found.unknown == {"generate": 1, "evaluate": 1}
    assert (found.critical_s, found.finish_s) == (0.0, 0.0)


def test_the_nearest_measurement_counts(tmp_path: Path) -> None:
    """By the same method on the same dataset, else on the dataset, else with the model."""
    workspace = Workspace(tmp_path)

    def journal_of(method: str, dataset: str) -> Path:
        folder = workspace.run("study", "m", dataset, method, 0)
        folder.path.mkdir(parents=True)
        folder.runfile.touch()
        return folder.work_journal

    def record(of: Any, stage: Stage, seconds: float, models: int = 0) -> dict[str, Any]:
        taken = {"stage": stage, **like(of, stage), "models": models, "seconds": seconds}
        return {**taken, "status": "done"}

    short = record(run("gt-sft", "sums", steps=2), "train", 1.0)
    trained = record(run("gt-sft", "sums"), "train", 10.0)
    scored = record(run(), "evaluate", 8.0, models=4)
    first = journal_of("gt-sft", "sums")
    journal.append(first, [short, trained, {**trained, "status": "failed"}, scored])
    with first.open("a") as file:
        file.write('{"stage": "tra\n[]\n')
    journal.append(first, [record(run(limit=1), "evaluate", 0.1, models=1)])
    journal.append(journal_of("spin", "sums"), [record(run("spin", "sums"), "train", 30.0)])
    other = [record(run("spin", "riddles"), "train", 110.0)]
    journal.append(journal_of("spin", "riddles"), other)
    found = measured(workspace)

    def of(stage: Stage, method: str, dataset: str, expected: int | None = None) -> float | None:
        wanted = Unit(
            name="", stage=stage, run=run(method, dataset), state="ready", expected=expected
        )
        return found.of(wanted)

    assert of("train", "spin", "sums") == 30.0
    assert of("train", "pi", "sums") == 20.0
    assert of("train", "pi", "rhymes") == 50.0
    assert of("evaluate", "pi", "rhymes", 3) == 6.0
    assert of("evaluate", "pi", "rhymes") is None
    assert of("prepare", "pi", "sums") is None


def test_the_highest_peak_counts(tmp_path: Path) -> None:
    folder = Workspace(tmp_path).run("study", "m", "sums", "gt-sft", 0)
    folder.path.mkdir(parents=True)
    folder.runfile.touch()
    record = {"stage": "train", **like(run(), "train"), "models": 0, "seconds": 1.0}
    done = {**record, "status": "done"}
    journal.append(
        folder.work_journal,
        [{**done, "peak_gb": 2.5}, {**done, "peak_gb": 4.5}, {**done, "peak_gb": 3.5}, done],
    )
    found = measured(Workspace(tmp_path))
    assert found.memory_gb_of(unit("a", "train")) == 4.5
    assert found.memory_gb_of(unit("a", "prepare")) is None


def test_an_epoch_is_not_another_number_of_them() -> None:
    of_three, of_six = run(steps=None), run(steps=None)
    of_six.settings.epochs = 6.0
    assert like(of_three, "train")["amount"] != like(of_six, "train")["amount"]


def test_the_registry_says_what_was_not_measured() -> None:
    """The last hint that matches; what was measured comes before all of them."""
    hints = (
        Hint(stage="evaluate", minutes=90),
        Hint(stage="evaluate", minutes=30, model="m"),
        Hint(stage="evaluate", minutes=10, model="another"),
        Hint(stage="train", minutes=600),
    )
    found = Costs({("train", like(run(), "train")["amount"], "m"): 100.0}, hints=hints)
    assert found.of(unit("a", "evaluate", expected=2)) == 2 * 30 * 60
    assert found.of(unit("a", "evaluate")) is None
    assert found.of(unit("a", "train")) == 100.0
    assert found.of(unit("a", "prepare")) is None
    left = estimate([unit("a", "evaluate", expected=2), unit("b", "train")], found)
    assert (left.hinted, left.unknown) == ({"evaluate": 1}, {})
    assert left.finish_s == 3700.0


@pytest.mark.parametrize(
    ("seconds", "text"), [(0.4, "0 s"), (61.0, "1 min 1 s"), (11400.0, "3 h 10 min")]
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text
