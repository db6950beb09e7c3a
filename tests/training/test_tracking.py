"""Trackers know the curve: one run, steps counted through, whatever happened in between."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import attrs
import pytest

from forget.errors import SettingsError, WorkError
from forget.method import TrainTask
from forget.progress import Silent
from forget.store import journal
from forget.testing.workbench import content
from forget.training import trackers, train_supervised
from forget.training.tracking import Reports, check_trackers
from forget_methods.spin import Spin
from test_run import arguments, forget
from training.conftest import small
from training.rollouts.conftest import SMALL as SMALL_ROUNDS
from training.rollouts.conftest import Make as MakeRounds
from training.rollouts.conftest import prepared  # noqa: F401 - a fixture

Make = Callable[..., TrainTask]
Point = tuple[int, float]
PLACE = "runs/study/tiny/sums/gt-sft/seed-7"


def installed(name: str) -> Any:
    reason = f"{name} is not installed: pip install {name}"
    return pytest.mark.skipif(find_spec(name) is None, reason=reason)


def curve(output: Path, name: str = "loss") -> list[Point]:
    return [(record["step"], record[name]) for record in journal.read(output / "metrics.jsonl")]


def shown(output: Path, tag: str = "train/loss") -> list[Point]:
    """Read what TensorBoard would draw."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(output / "tensorboard"))
    events.Reload()
    return [(event.step, pytest.approx(event.value, rel=1e-6)) for event in events.Scalars(tag)]


class Stop(Exception):
    pass


def stop_after(step: int) -> Callable[[int, Path], None]:
    def announce(done: int, _: Path) -> None:
        if done >= step:
            raise Stop

    return announce


@installed("tensorboard")
@pytest.mark.slow
def test_tensorboard_shows_the_curve_and_the_training_is_the_same(train_task: Make) -> None:
    task = train_task(PLACE, report_to=("tensorboard",))
    train_supervised(task)
    plain = train_task("plain")
    train_supervised(plain)
    assert curve(task.output) == curve(plain.output)
    checkpoints = [content(output / "checkpoints") for output in (task.output, plain.output)]
    assert checkpoints[0] == checkpoints[1]
    assert shown(task.output) == curve(task.output)
    assert shown(task.output, "train/learning_rate") == curve(task.output, "lr")
    assert [step for step, _ in shown(task.output, "train/global_step")] == [2, 4, 6, 8, 10]


@installed("tensorboard")
@pytest.mark.slow
def test_after_a_stop_the_curve_goes_on(train_task: Make) -> None:
    """Points between the last checkpoint and the end of the process come once."""
    stopped = train_task(PLACE, stop_after(6), report_to=("tensorboard",), log_every=1)
    with pytest.raises(Stop):
        train_supervised(stopped)
    journal.append(stopped.output / "metrics.jsonl", [{"step": 7, "loss": 9.0}])
    reports = Reports(stopped, 6)
    reports.point({"step": 7, "loss": 9.0})
    reports.close()
    assert shown(stopped.output)[-1] == (7, 9.0)
    train_supervised(train_task(PLACE, report_to=("tensorboard",), log_every=1))
    assert shown(stopped.output) == curve(stopped.output)
    assert [step for step, _ in shown(stopped.output)] == list(range(1, 11))


@installed("tensorboard")
@pytest.mark.slow
def test_one_that_is_named_later_gets_all_of_it(train_task: Make) -> None:
    with pytest.raises(Stop):
        train_supervised(train_task(PLACE, stop_after(6)))
    task = train_task(PLACE, report_to=("tensorboard",))
    train_supervised(task)
    assert shown(task.output) == curve(task.output)
    assert len(shown(task.output)) == 5


@installed("tensorboard")
@pytest.mark.slow
def test_rounds_are_one_curve(prepared: MakeRounds) -> None:  # noqa: F811
    task = prepared(Spin(), PLACE, report_to=("tensorboard",))
    Spin().train(task)
    assert SMALL_ROUNDS["rounds"] == 2
    assert shown(task.output) == curve(task.output)
    steps = [step for step, _ in shown(task.output)]
    assert steps == sorted(set(steps))
    assert {value for _, value in curve(task.output, "round")} == {0, 1}
    assert shown(task.output, "train/round") == curve(task.output, "round")


def test_wandb_is_told_of_each_step_once_by_one_id(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it knows already it is not told again, for it cannot forget."""
    told = record_of("wandb", monkeypatch)
    task = train_task(PLACE, report_to=("wandb",))
    begin_and_tell(task, 0, [2, 4, 6])
    begin_and_tell(task, 4, [6, 8])
    assert [step for _, step, _ in told["log"]] == [2, 4, 6, 8]
    ids = {place.id for place in told["places"]}
    assert ids == {json.loads((task.output / "reported.json").read_text())["id"]}
    assert [place.known for place in told["places"]] == [None, 6]
    place = told["places"][0]
    assert (place.project, place.name) == ("study", "tiny/sums/gt-sft/seed-7")
    assert place.config["lr"] == task.settings.lr
    assert place.config["seed"] == 7
    assert "report_to" not in place.config


def test_one_that_is_named_twice_is_told_once(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = record_of("trackio", monkeypatch)
    begin_and_tell(train_task(PLACE, report_to=("trackio", "trackio")), 0, [2])
    assert (len(told["places"]), len(told["log"]), told["closed"]) == (1, 1, ["trackio"])


def test_a_number_that_is_not_there_is_not_told(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = record_of("trackio", monkeypatch)
    reports = Reports(train_task(PLACE, report_to=("trackio",)), 0)
    reports.point({"step": 2, "loss": 1.5, "lr": 0.1, "grad_norm": None})
    reports.close()
    assert told["log"] == [
        ("trackio", 2, {"train/global_step": 2, "train/loss": 1.5, "train/learning_rate": 0.1})
    ]


def test_a_damaged_record_of_what_is_known_is_no_obstacle(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = record_of("wandb", monkeypatch)
    task = train_task(PLACE, report_to=("wandb",))
    task.output.mkdir(parents=True)
    for damaged in ("{", "[]"):
        (task.output / "reported.json").write_text(damaged)
        begin_and_tell(task, 0, [])
    assert len({place.id for place in told["places"]}) == 2


def test_one_that_cannot_be_begun_says_so_and_the_others_are_closed(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = record_of("trackio", monkeypatch)

    def fails(place: Any) -> Any:
        raise RuntimeError("no\nservice")

    monkeypatch.setitem(trackers.OPEN, "wandb", fails)
    with pytest.raises(WorkError, match=r"Weights & Biases does not .* RuntimeError: no service\."):
        Reports(train_task(PLACE, report_to=("trackio", "wandb")), 0)
    assert told["closed"] == ["trackio"]


def test_one_that_fails_later_is_left_and_the_training_goes_on(
    train_task: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = record_of("trackio", monkeypatch)

    class Fails:
        def __init__(self, place: Any) -> None:
            told["places"].append(place)

        def log(self, step: int, values: Any) -> None:
            if step > 2:
                raise OSError("no room\nany more")

        def close(self) -> None:
            raise OSError("nor for this")

    monkeypatch.setitem(trackers.OPEN, "wandb", Fails)
    notes = Notes()
    task = attrs.evolve(train_task(PLACE, report_to=("wandb", "trackio")), progress=notes)
    begin_and_tell(task, 0, [2, 4, 6])
    assert [step for _, step, _ in told["log"]] == [2, 4, 6]
    known = json.loads((task.output / "reported.json").read_text())
    assert (known["wandb"], known["trackio"]) == (2, 6)
    assert [note.partition(f" of {task.output}")[0] for note in notes.texts] == [
        "Weights & Biases takes no more of the curve", "Weights & Biases could not close the curve",
    ]  # fmt: skip
    assert "OSError: no room any more. The training goes on" in notes.texts[0]


@installed("wandb")
@pytest.mark.slow
def test_wandb_itself_without_a_network(
    train_task: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WANDB_DIR", raising=False)
    check_trackers(["wandb"])
    task = train_task(PLACE, report_to=("wandb",))
    begin_and_tell(task, 0, [2, 4])
    begin_and_tell(task, 4, [6])
    known = json.loads((task.output / "reported.json").read_text())
    folders = sorted((task.output / "wandb").glob(f"offline-run-*-{known['id']}"))
    assert known["wandb"] == 6
    assert folders
    assert all((folder / f"run-{known['id']}.wandb").is_file() for folder in folders)


@installed("trackio")
@pytest.mark.slow
def test_trackio_itself_in_a_folder(train_task: Make, tmp_path: Path) -> None:
    """In a process of its own: it takes its folder from the environment when it is imported."""
    import os
    import subprocess
    import sys

    task = train_task(PLACE, report_to=("trackio",))
    script = f"""
import json
from pathlib import Path
from forget.method import TrainTask, TrainingSettings
from forget.training.tracking import Reports
task = TrainTask(dataset=None, model=Path("m"), data=Path("d"), output=Path({str(task.output)!r}),
                 settings=TrainingSettings(report_to=("trackio",)), seed=7)
for resumed, steps in ((0, (2, 4, 6)), (4, (6, 8))):
    reports = Reports(task, resumed)
    for step in steps:
        reports.point({{"step": step, "loss": 1 / step}})
    reports.close()
from trackio.sqlite_storage import SQLiteStorage
logs = SQLiteStorage.get_logs("study", "tiny/sums/gt-sft/seed-7")
print(json.dumps([SQLiteStorage.get_runs("study"), [[p["step"], p["train/loss"]] for p in logs]]))
"""
    environment = {**os.environ, "TRACKIO_DIR": str(tmp_path / "trackio"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    line = next(line for line in done.stdout.splitlines() if line.startswith("[["))
    runs, points = json.loads(line)
    assert runs == ["tiny/sums/gt-sft/seed-7"]
    assert points == [[step, 1 / step] for step in (2, 4, 6, 8)]


# --- before anything is written


def test_one_that_is_not_installed_is_named_with_the_command() -> None:
    missing: Any = ["no_such_tracker"]
    with pytest.raises(SettingsError, match=r"`pip install no_such_tracker`"):
        check_trackers(missing)


@pytest.mark.slow
@installed("wandb")
def test_wandb_wants_to_know_who_one_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    wandb.teardown()
    with pytest.raises(SettingsError, match=r"nobody is logged in.*WANDB_MODE=offline"):
        check_trackers(["wandb"])

    def unreachable(**_: Any) -> bool:
        raise OSError("no network")

    monkeypatch.setattr(wandb, "login", unreachable)
    with pytest.raises(SettingsError, match="no network"):
        check_trackers(["wandb"])
    wandb.teardown()


def test_it_is_refused_before_anything_is_written(
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("forget.training.tracking.find_spec", lambda name: None)
    command = arguments(tiny_model, tmp_path, report_to="tensorboard,wandb")
    status, said, err = forget(command, capsys)
    assert (status, said) == (2, "")
    assert "`pip install tensorboard wandb`" in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []
    command = arguments(tiny_model, tmp_path, report_to="pencil")
    assert forget(command, capsys)[0] == 2
    assert list(tmp_path.iterdir()) == []


def test_it_is_no_part_of_what_a_run_is() -> None:
    from forget.settings import identity, training_identity

    settings = small(report_to=("tensorboard",))
    assert "report_to" not in {**identity(settings), **training_identity(settings)}


# --- helpers


class Notes(Silent):
    """Keeps what is noted."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)


def begin_and_tell(task: TrainTask, resumed: int, steps: list[int]) -> None:
    reports = Reports(task, resumed)
    for step in steps:
        reports.point({"step": step, "loss": 1 / step})
    reports.close()


def record_of(name: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    """Put something that only listens into the place of a tracker; return what it hears."""
    told: dict[str, list[Any]] = {"places": [], "log": [], "closed": []}

    class Listener:
        def __init__(self, place: Any) -> None:
            told["places"].append(place)

        def log(self, step: int, values: Any) -> None:
            told["log"].append((name, step, dict(values)))

        def close(self) -> None:
            told["closed"].append(name)

    monkeypatch.setitem(trackers.OPEN, name, Listener)
    return told
