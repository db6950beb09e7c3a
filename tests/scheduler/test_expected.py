"""What a training will make, known before it is done: as many checkpoints as it then makes."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import pytest

from forget.dataset import Source
from forget.errors import DataError
from forget.method import TrainingSettings
from forget.plan import Run, RunRequest, plan
from forget.plugins import load_plugins
from forget.scheduler.expected import Expectations, Expected
from forget.session import Session, open_session
from forget.store.manifest import read_manifest
from forget.testing import Workbench
from forget.testing.sums import Graded
from forget.training.length import Foreseeable, Length
from tiny_models import make_hollow_model

METHODS = {name: found.record for name, found in load_plugins().all("methods").items()}
STUDY = ("gt-sft", "sf-sft", "cf-sft", "grpo", "spin", "pi")


@pytest.fixture
def session(tmp_path: Path) -> Session:
    return open_session(out=tmp_path / "out")


def planned(session: Session, tmp_path: Path, **asked: Any) -> Run:
    model = tmp_path / "model"
    if not model.exists():
        make_hollow_model(model)
    request = RunRequest(**{"method": "gt-sft", "model": str(model), **asked})
    [run] = plan(request, session).runs
    # The demo sets max_steps.
    return attrs.evolve(run, settings=attrs.evolve(run.settings, max_steps=None))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["spin", "pi"])
def test_as_many_checkpoints_as_rounds_make(name: str, tmp_path: Path) -> None:
    """Where most that is written is learned from; the other methods are tried by conformance."""
    changes = {"max_steps": None, "epochs": 2.0, "batch_size": 8, "num_generations": 5}
    bench = Workbench(METHODS[name], tmp_path, changes)
    task = bench.prepared("run")
    manifest = read_manifest(task.data)
    assert manifest is not None
    length = METHODS[name].length(task.settings, manifest.details["rows"])
    assert not length.exact
    made = bench.train(task).steps
    assert made == length.checkpoints(task.settings.checkpoint_every)
    assert made[-1] == sum(length.phases) == {"spin": 20, "pi": 12}[name]


def test_every_method_of_the_study_tells_its_length() -> None:
    assert all(isinstance(METHODS[name], Foreseeable) for name in STUDY)


def test_checkpoints_lie_between_phases_and_within() -> None:
    assert Length((5,)).checkpoints(2) == [2, 4, 5]
    assert Length((3, 4)).checkpoints(3) == [3, 6, 7]
    assert Length((3, 4)).checkpoints(100) == [3, 7]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("method", "changes", "expected"),
    [
        # 2,000 problems in batches of 8, three times: 750 steps.
        ("gt-sft", {}, Expected(8, exact=False)),
        ("gt-sft", {"max_train_examples": 800}, Expected(3, exact=False)),
        ("gt-sft", {"wise_ft": (0.25, 0.5)}, Expected(10, exact=False)),
        ("gt-sft", {"max_steps": 250}, Expected(3)),
        ("gt-sft", {"epochs": 0.001}, Expected(None)),  # the training refuses it
        ("sf-sft", {"max_questions": 800, "keep_per_question": 2}, Expected(6, exact=False)),
        ("sf-sft", {"max_questions": 800, "keep_per_question": 9}, Expected(12, exact=False)),
        # Groups of 4 in batches of 16: four questions a step.
        ("grpo", {"epochs": 1}, Expected(5, exact=False)),
        ("grpo", {"epochs": 1, "num_iterations": 2}, Expected(10, exact=False)),
        # Two rounds of 80 questions: 8 answers of each make 640 examples, 40 steps of 16.
        ("pi", {"epochs": 5}, Expected(4, exact=False)),
        # 80 pairs, and 80 more of the round before: 100 steps, and 200.
        ("spin", {"epochs": 10}, Expected(3, exact=False)),
        ("spin", {"epochs": 10, "mix_previous": False}, Expected(2, exact=False)),
        ("spin", {"max_steps": 20}, Expected(2)),  # one at the end of each round
    ],
)
def test_before_there_are_data(
    session: Session, tmp_path: Path, method: str, changes: dict[str, Any], expected: Expected
) -> None:
    teacher = {"teacher": "self"} if method == "sf-sft" else {}
    run = planned(session, tmp_path, method=method, **teacher)
    changes = {"epochs": 3, "checkpoint_every": 100, **changes}
    run = attrs.evolve(run, settings=attrs.evolve(run.settings, **changes))
    assert Expectations(session).to_come(run, None) == expected


def test_prepared_data_say_it_exactly(session: Session, tmp_path: Path) -> None:
    run = planned(session, tmp_path)
    expectations = Expectations(session)
    assert expectations.length(run, 88) == Length((33,))
    spin = planned(session, tmp_path, method="spin")
    length = expectations.length(spin, 80)
    assert length is not None
    assert not length.exact


def test_what_is_there_is_not_to_come(session: Session, tmp_path: Path) -> None:
    run = planned(session, tmp_path)
    run.folder.checkpoint(10).mkdir(parents=True)
    assert Expectations(session).to_come(run, 88) == Expected(3)  # of steps 10, 20, 30 and 33


def test_a_restricted_run_has_the_other_ones_questions(session: Session, tmp_path: Path) -> None:
    run: Any = planned(session, tmp_path)
    run = attrs.evolve(run, restriction=SimpleNamespace(questions=frozenset("abcdefgh" * 2)))
    assert Expectations(session).length(run, None) == Length((3,), exact=False)


class Silent:
    """A method of somebody else, who does not know about lengths."""

    name = "silent"


def test_a_method_that_does_not_tell(session: Session, tmp_path: Path) -> None:
    run = planned(session, tmp_path)
    run = attrs.evolve(run, method=attrs.evolve(run.method, record=Silent()))
    assert Expectations(session).to_come(run, 88) == Expected(None)
    run = attrs.evolve(run, settings=TrainingSettings(max_steps=25, checkpoint_every=10))
    assert Expectations(session).to_come(run, None) == Expected(3)


class Counting(Silent):
    """A method whose rows are those of a file, which is gone."""

    def most_rows(self, settings: Any, examples: int) -> int:
        raise DataError("there is no such file")

    def length(self, settings: Any, rows: int) -> Length:
        return Length((rows,))


def test_rows_that_cannot_be_counted_are_for_the_run_to_say(
    session: Session, tmp_path: Path
) -> None:
    run = planned(session, tmp_path)
    run = attrs.evolve(run, method=attrs.evolve(run.method, record=Counting()))
    assert Expectations(session).to_come(run, None) == Expected(None)


def test_a_dataset_nobody_counts(session: Session, tmp_path: Path) -> None:
    class Unknown(Graded):
        def load(self, split: str, data: Any) -> Any:
            return data.rows(Source(hub="some/where", mirror="where"), split)

    run = planned(session, tmp_path)
    run = attrs.evolve(run, dataset=attrs.evolve(run.dataset, record=Unknown()))
    assert Expectations(session).to_come(run, None) == Expected(None)
    run = attrs.evolve(run, settings=attrs.evolve(run.settings, max_steps=25))
    assert Expectations(session).to_come(run, None) == Expected(3)


def test_a_dataset_is_counted_once(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    monkeypatch.setattr(
        "forget.scheduler.expected.most_examples", lambda dataset, *_: asked.append(dataset.name)
    )
    run, expectations = planned(session, tmp_path), Expectations(session)
    assert [expectations.to_come(run, None) for _ in range(3)] == [Expected(None)] * 3
    assert asked == ["arithmetic"]
