"""Trainings in two processes of a tiny model: they learn what one learns, and end together."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import attrs
import psutil
import pytest

from fake_distributions import Site
from forget.convert import to_plain
from forget.errors import ModelError, WorkError
from forget.method import Method, PrepareTask, TrainTask
from forget.training import processes
from forget_methods.grpo import Grpo
from forget_methods.gt_sft import GtSft
from forget_methods.pi import Pi
from forget_methods.spin import Spin
from training.rollouts.conftest import SMALL
from training.test_resume import content
from training.trajectories.conftest import Graded, NoData

pytestmark = pytest.mark.slow

PLUGIN = """
from forget.hooks import hookimpl
from training.trajectories.conftest import Graded

@hookimpl
def forget_datasets():
    yield Graded()
"""

REWARD: dict[str, Any] = {
    "reward": "training.rollouts.conftest:by_length",
    "keep_truncated": True,
    "num_generations": 4,
}
TOLD = {"max_prompt_length": 300, "max_length": 400}

Prepare = Callable[..., TrainTask]


@pytest.fixture
def prepared(lively_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Prepare:
    """Prepare the graded sums, which the processes find as an installed plugin."""
    Site(tmp_path / "site", monkeypatch).install("graded", PLUGIN)

    def make(method: Method, output: str, **changes: Any) -> TrainTask:
        known = {field.name for field in attrs.fields(method.settings)}
        small = {name: value for name, value in SMALL.items() if name in known}
        settings = method.settings(**{**small, "log_every": 1, "lr": 1e-3, **changes})
        task = PrepareTask(
            dataset=Graded(),
            data=NoData(),
            model=lively_model,
            settings=settings,
            seed=3,
            output=tmp_path / output / "data",
        )
        method.prepare(task)
        return TrainTask(
            dataset=task.dataset,
            model=task.model,
            data=task.output,
            output=tmp_path / output,
            settings=settings,
            seed=3,
        )

    return make


def curve(task: TrainTask) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (task.output / "metrics.jsonl").read_text().splitlines()]


def weights(task: TrainTask) -> dict[str, Any]:
    from safetensors.torch import load_file

    last = sorted((task.output / "checkpoints").iterdir())[-1]
    return load_file(next(last.glob("*model.safetensors")))


@pytest.mark.parametrize(
    ("method", "changes"),
    [
        (
            GtSft(),
            {
                "flow": True,
                "stm_perplexity": 300.0,
                "l2_to_base": 0.1,
                "gradient_checkpointing": True,
            },
        ),
        (Spin(), {}),
        pytest.param(
            Spin(), {"variant": "sdft", "teacher_rate": 0.1, **TOLD}, marks=pytest.mark.long
        ),
        pytest.param(Pi(), {**REWARD, "divergence": "jsd"}, marks=pytest.mark.long),
        pytest.param(Pi(), {**REWARD, **TOLD, "operator": "privileged"}, marks=pytest.mark.long),
    ],
    ids=["gt-sft", "spin", "sdft", "pi-jsd", "pi-privileged"],
)
def test_two_processes_learn_what_one_learns(
    prepared: Prepare, method: Method, changes: dict[str, Any]
) -> None:
    """Equal but for float32 sums in another order: 2^-24 each, and some hundred of them."""
    import torch

    one, two = (prepared(method, f"run-{n}", num_processes=n, **changes) for n in (1, 2))
    processes.train(method, one)
    processes.train(method, two)
    for ours, theirs in zip(curve(one), curve(two), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4, abs=1e-6)
    assert len(curve(one)) == one.settings.max_steps
    ours, theirs = weights(one), weights(two)
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-4, atol=1e-5)


# --- GRPO: what is drawn depends on the process


GRPO: dict[str, Any] = {**REWARD, "batch_size": 4, "num_processes": 2, "max_steps": 4}
del GRPO["keep_truncated"]


@pytest.mark.long
def test_grpo_shares_groups_and_continues_exactly(prepared: Prepare) -> None:
    """Each step is one group, of which each process writes a half.

    Continued, both processes start from what the main one wrote, so equal bytes mean that the
    weights of both were equal.
    """
    calm, shaken = (prepared(Grpo(), name, **GRPO) for name in ("calm", "shaken"))
    processes.train(Grpo(), calm)
    points = curve(calm)
    assert [point["step"] for point in points] == [1, 2, 3, 4]
    for point in points:
        assert (point["reward_std"] == 0) == (point["no_signal_share"] == 1)
        assert point["reward"] in (0, 0.125, 0.25, 0.375, 0.5)
        assert point["truncated_share"] in (0, 0.25, 0.5, 0.75, 1)
    assert any(point["reward_std"] for point in points)
    assert any(point["reward"] in (0.125, 0.375) for point in points)  # so halves differ
    assert any(point["grad_norm"] for point in points)
    interrupted(Grpo(), shaken, at=2)
    processes.train(Grpo(), shaken)
    assert content(shaken.output) == content(calm.output)


# --- the end, foreseen or not


class Stop(Exception):
    pass


def interrupted(method: Method, task: TrainTask, at: int) -> None:
    def announce(step: int, folder: Path) -> None:
        if step == at:
            raise Stop

    with pytest.raises(Stop):
        processes.train(method, attrs.evolve(task, announce=announce))


def workers() -> list[psutil.Process]:
    """Return the processes of trainings that are alive; tests before this one leave others."""
    children = psutil.Process().children(recursive=True)
    living = [child for child in children if child.status() != psutil.STATUS_ZOMBIE]
    return [child for child in living if "forget.training.worker" in child.cmdline()]


@pytest.mark.long
def test_a_killed_process_and_the_way_on(prepared: Prepare) -> None:
    """With dropout, whose random numbers each process has for itself."""
    changes = {"num_processes": 2, "lora_rank": 2, "lora_dropout": 0.3, "log_every": 4}
    calm, shaken = (prepared(GtSft(), name, **changes) for name in ("calm", "shaken"))
    processes.train(GtSft(), calm)
    steps: list[int] = []

    def kill(step: int, folder: Path) -> None:
        steps.append(step)
        workers()[1].kill()

    with pytest.raises(WorkError, match="process 2 of 2 was killed"):
        processes.train(GtSft(), attrs.evolve(shaken, announce=kill))
    assert steps == [2]
    assert workers() == []
    processes.train(GtSft(), shaken)
    assert content(shaken.output) == content(calm.output)


def test_continued_with_another_number(prepared: Prepare) -> None:
    two, one = (prepared(GtSft(), "run", num_processes=count) for count in (2, 1))
    interrupted(GtSft(), two, at=4)
    seen: list[int] = []
    processes.train(GtSft(), attrs.evolve(one, announce=lambda step, folder: seen.append(step)))
    assert seen == [2, 4, 6]
    assert [point["step"] for point in curve(one)] == [1, 2, 3, 4, 5, 6]


PARENT = """
import json, sys
from pathlib import Path
from types import SimpleNamespace
from forget.method import SupervisedSettings, TrainTask
from forget.training import processes
from forget_methods.gt_sft import GtSft

values = json.loads(sys.argv[1])
paths = {name: Path(values[name]) for name in ("model", "data", "output")}
processes.train(GtSft(), TrainTask(
    **paths, dataset=SimpleNamespace(name="graded"), seed=3,
    settings=SupervisedSettings(**{**values["settings"], "wise_ft": ()}),
    announce=lambda step, folder: print(step, flush=True),
))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_outlives_the_parent(prepared: Prepare, number: signal.Signals) -> None:
    task = prepared(GtSft(), "run", num_processes=2, max_steps=1000)
    values = {name: str(getattr(task, name)) for name in ("model", "data", "output")}
    command = [PARENT, json.dumps({**values, "settings": to_plain(task.settings)})]
    parent = subprocess.Popen(
        [sys.executable, "-c", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "2\n"
        started = psutil.Process(parent.pid).children(recursive=True)
        assert len(started) == 2
        parent.send_signal(number)
    gone, alive = psutil.wait_procs(started, timeout=10)
    assert (len(gone), alive) == (2, [])


def test_errors_of_the_processes(prepared: Prepare) -> None:
    failing = {**GRPO, "reward": "training.rollouts.conftest:fails"}
    task = prepared(Grpo(), "failing", **failing)
    with pytest.raises(WorkError, match=r"reward training.rollouts.conftest:fails failed on the"):
        processes.train(Grpo(), task)
    task = prepared(GtSft(), "broken", num_processes=2)
    broken = task.output / "model"
    broken.mkdir()
    for file in task.model.iterdir():
        (broken / file.name).write_bytes(file.read_bytes()[:5000])
    with pytest.raises(ModelError, match=r"cannot be loaded|incomplete|damaged"):
        processes.train(GtSft(), attrs.evolve(task, model=broken))
    assert not (task.output / "checkpoints").exists()
    assert workers() == []
