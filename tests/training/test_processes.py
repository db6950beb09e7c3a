"""How several processes are started, heard and ended, with small programs in their place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import attrs
import psutil
import pytest
import torch

from forget import errors
from forget.errors import ForgetError, SettingsError, UnknownNameError, WorkError
from forget.inference.machine import Machine
from forget.method import TrainingSettings, TrainTask
from forget.settings import training_identity
from forget.training import processes, together, worker
from forget.training.plan import make_schedule
from forget_methods.grpo.grading import Grader
from forget_methods.grpo.trainer import _drawn_by

PROGRAM = """
import os, signal, sys, time
from multiprocessing.connection import Connection
connection = Connection(int(sys.argv[1]))
spec = connection.recv()
main, say = os.environ["RANK"] == "0", connection.send
"""

Run = Callable[..., None]


class Heard:
    """Progress and announcements, written down."""

    def __init__(self) -> None:
        self.said: list[Any] = []

    @contextmanager
    def task(self, description: str, total: int | None) -> Iterator[Any]:
        self.said.append((description, total))
        yield lambda steps, detail="": self.said.append((steps, detail))
        self.said.append("done")

    def note(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, heard: Heard) -> Run:
    """Have two processes run some code instead of a training."""

    def run(code: str, program: str = PROGRAM, **changes: Any) -> None:
        monkeypatch.setattr(processes, "_PROGRAM", ("-c", program + code))
        monkeypatch.setattr(processes, "_GRACE_S", 0.3)
        task: Any = TrainTask(
            dataset=SimpleNamespace(name="sums"),  # type: ignore[arg-type]
            model=tmp_path / "model",
            data=tmp_path / "data",
            output=tmp_path,
            settings=TrainingSettings(num_processes=2, wise_ft=(0.5,)),
            seed=3,
            announce=lambda step, folder: heard.said.append((step, folder)),
            progress=heard,  # type: ignore[arg-type]
        )
        method: Any = SimpleNamespace(name="made")
        processes.train(method, attrs.evolve(task, **changes))

    return run


def left() -> list[int]:
    """The workers that run; this process may have children of other tests (graders)."""
    children = psutil.Process().children(recursive=True)
    return [child.pid for child in children if child not in BEFORE]


BEFORE: set[psutil.Process] = set()


@pytest.fixture(autouse=True)
def before() -> None:
    BEFORE.clear()
    BEFORE.update(psutil.Process().children(recursive=True))


def test_what_is_said_is_passed_on_in_order(run: Run, heard: Heard, tmp_path: Path) -> None:
    run("""
if main:
    for message in (("task", 0, "training", 3), ("advance", 0, 2, "half"), ("note", "hear"),
                    ("task", 1, "inner", None), ("done", 1), ("announce", 2, "/there"),
                    ("advance", 0, 1, ""), ("done", 0)):
        say(message)
""")
    assert heard.said == [
        ("training", 3), (2, "half"), "hear", ("inner", None), "done", (2, Path("/there")),
        (1, ""), "done",
    ]  # fmt: skip
    assert left() == []


def test_what_they_are_told(run: Run, heard: Heard, tmp_path: Path) -> None:
    run("""
task = spec["task"]
say(("note", [
    *(os.environ[name] for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE")),
    spec["method"], spec["dataset"], spec["settings"]["wise_ft"], task["model"], task["seed"],
]))
""")
    told = ["made", "sums", [0.5], tmp_path / "model", 3]
    assert sorted(heard.said) == [["0", "0", "2", *told], ["1", "1", "2", *told]]


@pytest.mark.parametrize("name", sorted(set(errors.__all__) - {"nearest"}))
def test_an_error_comes_back_as_what_it_was(name: str) -> None:
    text = "What is wrong, and what to do."
    raised: Any = processes._rebuilt(name, text)
    assert type(raised) is getattr(errors, name)
    assert str(raised) == text
    assert worker._known(raised) == name


def test_an_error_of_a_plugin_comes_back_as_the_nearest_that_is_known() -> None:
    class Special(WorkError):
        pass

    assert worker._known(Special("no")) == "WorkError"
    unknown = UnknownNameError("method", "gtsft", ["gt-sft"])
    assert str(processes._rebuilt(worker._known(unknown), str(unknown))) == str(unknown)


@pytest.mark.slow
@pytest.mark.parametrize("first", ["main", "not main"])
def test_an_error_ends_all(run: Run, first: str) -> None:
    with pytest.raises(SettingsError, match=r"^Lower it\.$"):
        run(f"""
if {first}:
    say(("error", "SettingsError", "Lower it."))
    sys.exit(1)
time.sleep(600)
""")
    assert left() == []


@pytest.mark.slow
def test_the_error_is_preferred_to_what_it_did_to_the_other(run: Run) -> None:
    with pytest.raises(SettingsError, match="Lower it"):
        run("""
if main:
    say(("failed", "RuntimeError: connection closed by peer"))
else:
    time.sleep(0.1)
    say(("note", "last words"))
    say(("error", "SettingsError", "Lower it."))
sys.exit(1)
""")


@pytest.mark.slow
def test_a_killed_process_ends_all_and_is_named(run: Run) -> None:
    with pytest.raises(WorkError, match=r"process 2 of 2 was killed .*SIGKILL.*same command again"):
        run("""
if not main:
    time.sleep(0.1)
    os.kill(os.getpid(), signal.SIGKILL)
say(("failed", "RuntimeError: connection closed by peer"))
time.sleep(600)
""")
    assert left() == []


@pytest.mark.slow
def test_an_unforeseen_failure_is_told_with_its_place(run: Run) -> None:
    with pytest.raises(WorkError, match="failed in process 1 of 2: ZeroDivisionError: of the user"):
        run("""
if main:
    say(("failed", "ZeroDivisionError: of the user"))
    sys.exit(1)
time.sleep(600)
""")
    with pytest.raises(WorkError, match="failed in process 2 of 2: it ended with status 5"):
        run("time.sleep(600) if main else sys.exit(5)")
    assert left() == []


@pytest.mark.slow
def test_one_that_ends_before_it_is_told_anything(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = processes._start

    def late(*arguments: Any) -> Any:
        started = start(*arguments)
        started.process.wait()
        return started

    monkeypatch.setattr(processes, "_start", late)
    with pytest.raises(WorkError, match="process 1 of 2: it ended with status 4"):
        run("raise SystemExit(4)", program="")


def test_an_interruption_here_ends_all(run: Run) -> None:
    def interrupt(step: int, folder: Path) -> None:
        assert len(left()) == 2
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run('say(("announce", 2, "/there"))\ntime.sleep(600)', announce=interrupt)
    assert left() == []


def test_one_process_trains_here() -> None:
    trained: list[Any] = []
    method: Any = SimpleNamespace(name="made", train=trained.append)
    task: Any = SimpleNamespace(settings=TrainingSettings())
    processes.train(method, task)
    assert trained == [task]


def test_memory_that_does_not_suffice_wherever_in_a_training() -> None:
    def train(task: Any) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory.")

    method: Any = SimpleNamespace(name="made", train=train)
    task: Any = SimpleNamespace(settings=TrainingSettings(micro_batch_size=2))
    with pytest.raises(WorkError, match=r"micro_batch_size=2\. Lower that .* same command"):
        processes.train(method, task)


# --- settings


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"num_processes": 4}, False),
        ({"num_processes": 8}, False),  # micro-batches of 2 then
        ({"num_processes": 3}, True),
        ({"num_processes": 2, "micro_batch_size": 3}, True),
        ({"num_processes": 32}, True),
        ({"num_processes": 1, "micro_batch_size": 16}, False),
    ],
)
def test_each_process_gets_the_same_share(changes: dict[str, Any], refused: bool) -> None:
    if refused:
        with pytest.raises(SettingsError, match=r"batch_size=16 cannot be shared .*a multiple of"):
            TrainingSettings(batch_size=16, **changes)
        return
    settings = TrainingSettings(batch_size=16, **changes)
    schedule = make_schedule(settings, 40)
    count = settings.num_processes
    assert schedule.batch_size == 16
    assert schedule.accumulation(count) * count * schedule.micro_batch_size == 16


def test_fewer_rows_than_a_batch_are_shared_or_refused() -> None:
    settings = TrainingSettings(batch_size=16, micro_batch_size=4, num_processes=2)
    schedule = make_schedule(settings, 6)
    assert (schedule.batch_size, schedule.micro_batch_size) == (6, 3)
    assert schedule.accumulation(2) == 1
    with pytest.raises(SettingsError, match=r"takes all 7, .*num_processes=1"):
        make_schedule(settings, 7)


def test_another_number_is_the_same_training() -> None:
    one, two = (TrainingSettings(num_processes=count) for count in (1, 2))
    assert training_identity(one) == training_identity(two)


@pytest.mark.parametrize(
    ("device", "gpus", "refused"), [("cuda", 1, 1), ("cuda", 2, 0), ("cpu", 0, 0)]
)
def test_a_gpu_for_each(
    monkeypatch: pytest.MonkeyPatch, device: str, gpus: int, refused: bool
) -> None:
    machine = Machine(device=device, device_name="", dtype="float32")
    monkeypatch.setattr(processes, "resolve_machine", lambda: machine)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    processes.check_processes(1)
    if refused:
        with pytest.raises(SettingsError, match=r"num_processes=2 need a GPU each.*shows 1"):
            processes.check_processes(2)
    else:
        processes.check_processes(2)


# --- what they do together


def test_alone_there_is_nobody_to_wait_for() -> None:
    assert (together.count(), together.rank(), together.is_main()) == (1, 0, True)
    made = object()
    assert together.gather(made) == [made]
    assert together.from_main(lambda: made) is made


def test_processes_draw_different_completions(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = []
    for rank in (0, 1, 0):
        monkeypatch.setattr(together, "rank", lambda rank=rank: rank)
        with _drawn_by(3, 5):
            drawn.append(torch.rand(4).tolist())
    assert drawn[0] == drawn[2] != drawn[1]


def test_shares_are_of_all_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A group of which each process has a half: neither half alone shows that they differ."""
    from forget_methods.grpo.grading import Grades

    theirs = [(0, Grades(1.0, True, True)), (0, Grades(1.0, True, True))]
    monkeypatch.setattr(together, "gather", lambda ours: [ours, theirs])
    told: list[Any] = []
    grader: Any = Grader(
        None,
        None,
        [None],
        tokenizer=None,
        ends=set(),
        tell=told.append,  # type: ignore[arg-type, list-item]
    )
    grader._grade = lambda question, tokens: Grades(0.0, False, False)
    logged: dict[str, float] = {}
    rewards = grader.rewards(
        completion_ids=[[1], [2]], question=[0, 0], log_metric=logged.__setitem__
    )
    assert rewards == [0.0, 0.0]
    assert logged == told[0]
    assert (logged["no_signal_share"], logged["correct_share"], logged["truncated_share"]) == (
        0, 0.5, 0.5,
    )  # fmt: skip


def test_every_error_is_known() -> None:
    assert all(
        issubclass(getattr(errors, n), ForgetError) for n in errors.__all__ if n != "nearest"
    )
