"""The conformance of methods finds each fault of one that trains nothing, broken in one place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.dataset import Example
from forget.errors import DataError, RequestError
from forget.method import Needs, PrepareTask, TrainingSettings, TrainTask
from forget.settings import setting
from forget.store.manifest import read_manifest
from forget.testing import MethodConformance, Workbench
from forget.testing.methods import Twins
from forget.training import Conversation, Length, SupervisedLength, write_examples
from forget.training.checkpoints import CheckpointStore
from forget.training.plan import training_digest


class Pretend(SupervisedLength):
    """Writes checkpoints at steps 2, 4 and 5 whose weights are a text; sound in every other way."""

    name = "pretend"
    title = "Pretend"
    summary = "trains nothing"
    paper = ""
    settings = TrainingSettings
    needs = Needs()

    steps: Sequence[int] = (2, 4, 5)
    announced_times = 1
    early = False
    losses: Sequence[float] = (0.5, 0.4, 0.3)
    points: Sequence[int] = (2, 4, 5)
    training: str | None = None
    needs_data = True

    def prepare(self, task: PrepareTask) -> None:
        write_examples(
            task,
            (
                Conversation(e.id, task.dataset.prompt(e), e.solution)
                for e in self.examples(task.dataset.load("train", task.data))
            ),
        )

    def examples(self, examples: Sequence[Example]) -> Sequence[Example]:
        return examples

    def train(self, task: TrainTask) -> None:
        manifest = read_manifest(task.data)
        if manifest is None and self.needs_data:
            raise DataError(f"{task.data} is not prepared.")
        digest = manifest.details["digest"] if manifest else ""
        named = self.training or training_digest(task.settings, task.seed, digest)
        store = CheckpointStore(output=task.output, training=named, last_step=5)
        done = 5 if store.finished() else store.resume_step()
        for step, folder in store.published(done):
            task.announce(step, folder)
        for step in self.steps:
            if step > done:
                self.publish(task, store, step, done)
        self.after(task)

    def publish(self, task: TrainTask, store: CheckpointStore, step: int, done: int) -> None:
        def write(folder: Path) -> None:
            (folder / "x.safetensors").write_text(self.weights(task, step, done))

        if self.early:
            task.announce(step, store.checkpoint(step))
        folder = store.publish(step, {}, write, lambda state: None)
        curve = [{"step": s, "loss": x} for s, x in zip(self.points, self.losses, strict=True)]
        text = "".join(json.dumps(point) + "\n" for point in curve)
        (task.output / "metrics.jsonl").write_text(text)
        for _ in range(0 if self.early else self.announced_times):
            task.announce(step, folder)

    def weights(self, task: TrainTask, step: int, done: int) -> str:
        return f"{task.seed} {step}"

    def after(self, task: TrainTask) -> None:
        """Do nothing more."""


def broken(**changes: Any) -> Any:
    """Return the method with other members."""
    return type("Broken", (Pretend,), changes)()


@attrs.frozen(kw_only=True)
class Unexplained(TrainingSettings):
    """One of them has no help."""

    secret: int = setting(1, "")


def spoil(self: Any, task: TrainTask) -> None:
    with (task.model / "config.json").open("a") as file:
        file.write("\n")


def rewrite(self: Any, task: TrainTask) -> None:
    with (task.output / "metrics.jsonl").open("a") as file:
        file.write("\n")


def unsealed(self: Any, task: PrepareTask) -> None:
    task.output.mkdir(parents=True)
    (task.output / "train.jsonl").write_text("{}")


def different(self: Any, task: PrepareTask) -> None:
    rows = [Conversation(task.output.parent.name, [{"role": "user", "content": "?"}], "!")]
    write_examples(task, rows)


def half_written(self: Any, task: PrepareTask) -> None:
    task.output.mkdir(parents=True)
    raise RequestError("no")


CHECKPOINTS = "test_checkpoints_are_published_and_announced"
CURVE = "test_the_curve_goes_forward_to_the_end"
FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("test_it_says_what_it_is", {"title": ""}),
    ("test_it_says_what_it_is", {"name": "two words"}),
    ("test_it_says_what_it_is", {"summary": "one\ntwo"}),
    ("test_it_says_what_it_is", {"needs": None}),
    ("test_its_settings_explain_themselves", {"settings": Unexplained}),
    ("test_its_settings_explain_themselves", {"settings": Needs}),
    ("test_prepare_seals_examples_that_read_back", {"prepare": unsealed}),
    ("test_prepare_is_the_same_for_the_same_task_and_done_once", {"prepare": different}),
    (CHECKPOINTS, {"steps": (2, 4)}),
    (CHECKPOINTS, {"steps": (2, 5)}),
    (CHECKPOINTS, {"announced_times": 2}),
    (CHECKPOINTS, {"announced_times": 0}),
    (CHECKPOINTS, {"early": True}),
    (CURVE, {"losses": (0.5, float("nan"), 0.3)}),
    (CURVE, {"points": (2, 2, 5)}),
    (CURVE, {"points": (2, 3, 4)}),
    ("test_what_it_began_with_is_left_alone", {"after": spoil}),
    (
        "test_stopped_after_every_checkpoint_it_ends_with_the_same_bytes",
        {"weights": lambda self, task, step, done: f"{done}"},
    ),
    ("test_a_second_call_announces_and_does_nothing", {"after": rewrite}),
    (
        "test_another_seed_is_another_training",
        {"weights": lambda self, task, step, done: f"{step}"},
    ),
]
LENGTH = "test_it_is_as_long_as_it_said"
FAULTS += [
    (LENGTH, {"length": lambda self, settings, rows: Length((5, 5))}),
    (LENGTH, {"length": lambda self, settings, rows: Length((3, 2))}),
    (LENGTH, {"length": lambda self, settings, rows: Length((3,), exact=False)}),
    (LENGTH, {"most_rows": lambda self, settings, examples: examples - 1}),
]
ACCEPTS: list[tuple[str, dict[str, Any]]] = [
    ("test_another_training_is_refused_in_its_folder", {"training": "any"}),
    ("test_without_whole_data_it_does_not_train", {"needs_data": False}),
]
SOUND = sorted({name for name, _ in [*FAULTS, *ACCEPTS]})


def try_it(method: Any, name: str, folder: Path) -> None:
    """Call a test of the conformance on a method, with what it asks for."""
    test = getattr(MethodConformance(), name)
    wanted = test.__code__.co_varnames[1 : test.__code__.co_argcount]
    if wanted == ("subject",):
        test(method)
    else:
        given = {"workbench": Workbench(method, folder), "lora_rank": 0, "max_steps": 5}
        test(**{argument: given[argument] for argument in wanted})


@pytest.mark.slow
@pytest.mark.parametrize("name", SOUND)
def test_a_sound_method_passes(name: str, tmp_path: Path) -> None:
    try_it(Pretend(), name, tmp_path)


def test_a_method_need_not_tell_how_long_it_is(tmp_path: Path) -> None:
    with pytest.raises(pytest.skip.Exception, match="need not"):
        try_it(broken(most_rows=None), LENGTH, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "changes"), FAULTS)
def test_a_fault_is_found(name: str, changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(AssertionError):
        try_it(broken(**changes), name, tmp_path)


@pytest.mark.parametrize(("name", "changes"), ACCEPTS)
def test_a_refusal_that_is_missing_is_found(
    name: str, changes: dict[str, Any], tmp_path: Path
) -> None:
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        try_it(broken(**changes), name, tmp_path)


@pytest.mark.parametrize("dataset", [Twins(), Twins(count=0)], ids=["twins", "nothing"])
def test_data_that_are_taken_or_half_refused_are_found(dataset: Twins, tmp_path: Path) -> None:
    test = MethodConformance().test_prepare_refuses_what_is_no_data
    test(Workbench(Pretend(), tmp_path / "sound"), dataset)
    takes = broken(prepare=different)
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        test(Workbench(takes, tmp_path / "takes"), dataset)
    with pytest.raises(AssertionError):
        test(Workbench(broken(prepare=half_written), tmp_path / "half"), dataset)
