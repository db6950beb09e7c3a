"""Interrupted trainings end like undisturbed ones: same curve, same weights, to the last byte."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from forget.errors import StorageError
from forget.method import TrainTask
from forget.store.manifest import verify
from forget.testing.workbench import content
from forget.training import train_supervised

Make = Callable[..., TrainTask]

CHANGES: dict[str, Any] = {"log_every": 4, "checkpoint_every": 3, "drift_prompts": 2}
"""Checkpoints fall between points of the curve, so the losses in between must survive."""

WORKER = """
import json, sys
from pathlib import Path
from forget.method import TrainTask, TrainingSettings
from forget.training import train_supervised

def train(model, data, output, settings):
    train_supervised(TrainTask(
        dataset=None, model=Path(model), data=Path(data), output=Path(output),
        settings=TrainingSettings(**json.loads(settings)), seed=7,
        announce=lambda step, folder: print(step, flush=True),
    ))
"""

FINISH = """
train(*sys.argv[1:])
print("heavy:", *(m for m in ("torch", "transformers", "trl", "datasets", "pyarrow", "peft")
                  if m in sys.modules))
"""

KILLER = """
import os, random, signal, time
import peft, torch, trl
import forget.training.supervised, forget.training.student, pyarrow.parquet
from trl import SFTConfig, SFTTrainer

torch.set_num_threads(1)
model, data, output, settings = sys.argv[1:]
random = random.Random(11)

def child(folder, event, after_s):
    # Train in a fork; it dies at its n-th touch of the folder, or after some seconds.
    pid = os.fork()
    if pid == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        touched = 0
        def count(name, arguments):
            nonlocal touched
            if name in ("open", "os.rename", "os.remove", "os.mkdir", "os.rmdir") and (
                    folder in str(arguments[0]) or "step-" in str(arguments[0])):
                touched += 1
                if touched == event:
                    os.kill(os.getpid(), signal.SIGKILL)
        sys.addaudithook(count)
        train(model, data, folder, settings)
        Path(folder + ".touched").write_text(str(touched))
        os._exit(0)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]

start = time.monotonic()
assert child(output + "-calm", None, None) == 0
length_s = time.monotonic() - start
touches = int(Path(output + "-calm.touched").read_text())
killed = 0
for trial in range(6):
    folder = f"{output}-{trial}"
    deaths = []
    for _ in range(3):
        event, after_s = random.randrange(1, touches), None
        if trial % 2:
            event, after_s = None, random.uniform(0.4, 1.0) * length_s
        status = child(folder, event, after_s)
        killed += os.WIFSIGNALED(status)
        saved = sorted(p.name for p in Path(folder).glob("checkpoints/step-*"))
        deaths.append((event or round(after_s, 2), len(saved), saved[-1:] and saved[-1]))
    assert child(folder, None, None) == 0
    print(trial, "at touch" if trial % 2 == 0 else "after seconds", deaths)
print("killed", killed, "of 18;", touches, "touches in", round(length_s, 2), "s")
"""


def run(code: str, task: TrainTask) -> list[str]:
    """Run code in a process of its own; return the lines it printed."""
    import attrs

    settings = json.dumps(attrs.asdict(task.settings))
    paths = (str(task.model), str(task.data), str(task.output))
    done = subprocess.run(
        [sys.executable, "-c", WORKER + code, *paths, settings],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def interrupted(task: TrainTask, at: Callable[[str], bool]) -> None:
    """Train until `announce` of a step asks to stop; the trainer is thrown away as it is."""
    import attrs

    class Stop(Exception):
        pass

    def announce(step: int, folder: Path) -> None:
        if at(folder.name):
            raise Stop

    with pytest.raises(Stop):
        train_supervised(attrs.evolve(task, announce=announce))


@pytest.mark.slow
def test_dropout_is_drawn_as_if_nothing_had_happened(train_task: Make) -> None:
    changes = {**CHANGES, "lora_rank": 2, "lora_dropout": 0.2}
    calm, shaken = train_task("calm", **changes), train_task("shaken", **changes)
    train_supervised(calm)
    for step in ("step-000003", "step-000006", "step-000009"):
        interrupted(shaken, lambda name, step=step: name == step)  # type: ignore[misc]
    train_supervised(shaken)
    assert content(shaken.output) == content(calm.output)


@pytest.mark.slow
def test_curve_beyond_the_checkpoint_is_dropped(train_task: Make) -> None:
    calm, shaken = train_task("calm", **CHANGES), train_task("shaken", **CHANGES)
    train_supervised(calm)
    interrupted(shaken, lambda name: name == "step-000006")
    file = shaken.output / "metrics.jsonl"
    file.write_text(file.read_text() + '{"step": 8, "loss": 1.0}\n{"step": 1')
    drift = shaken.output / "drift.jsonl"  # of a process that was killed before its checkpoint
    drift.write_text(drift.read_text() + '{"step": 9, "kl_to_base": 1.0}\n{"step": 1')
    train_supervised(shaken)
    assert content(shaken.output) == content(calm.output)


@pytest.mark.slow
@pytest.mark.parametrize("damaged", ["checkpoints", "training-state"])
def test_damaged_pair_starts_afresh(train_task: Make, damaged: str) -> None:
    calm, shaken = train_task("calm", **CHANGES), train_task("shaken", **CHANGES)
    train_supervised(calm)
    interrupted(shaken, lambda name: name == "step-000006")
    folder = shaken.output / damaged / "step-000006"
    file = max(folder.iterdir(), key=lambda path: path.stat().st_size)
    file.write_bytes(file.read_bytes()[:-1] + b"?")
    (shaken.output / "checkpoints" / ".step-000009.partial-1").mkdir()
    train_supervised(shaken)
    assert content(shaken.output) == content(calm.output)


@pytest.mark.long
@pytest.mark.slow
def test_killed_at_any_moment(train_task: Make, tmp_path: Path) -> None:
    """SIGKILL three times over at seeded moments, then once to the end; six times that."""
    lines = run(KILLER, train_task("killed", **CHANGES))
    print("\n".join(lines))
    calm = content(tmp_path / "killed-calm")
    assert "checkpoints/step-000010/model.safetensors" in calm
    for trial in range(6):
        assert content(tmp_path / f"killed-{trial}") == calm


@pytest.mark.slow
def test_finished_training_returns_without_torch(train_task: Make) -> None:
    task = train_task(max_steps=3)
    train_supervised(task)
    before = content(task.output)
    assert run(FINISH, task) == ["3", "heavy:"]
    assert content(task.output) == before


def test_importing_the_package_is_light() -> None:
    code = (
        "import sys, forget.training, forget_methods.gt_sft\n"
        "from forget.training import Conversation, write_examples, train_supervised\n"
        "heavy = {'torch', 'transformers', 'trl', 'datasets', 'pyarrow', 'peft', 'pandas'}\n"
        "print(sorted(heavy & sys.modules.keys()))"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    out = subprocess.run(
        [sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True
    )
    assert out.stdout.strip() == "[]"


def full_rust(*args: Any, **kwargs: Any) -> None:
    from safetensors import SafetensorError

    raise SafetensorError(
        "Error while serializing: I/O error: No space left on device (os error 28)"
    )


def full_torch(*args: Any, **kwargs: Any) -> None:
    raise RuntimeError("[enforce fail at inline_container.cc:672] . PytorchStreamWriter failed")


def full_system(*args: Any, **kwargs: Any) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("target", "failure"),
    [
        ("transformers.modeling_utils.safe_save_file", full_rust),
        ("torch.save", full_torch),
        ("forget.training.checkpoints.seal", full_system),
    ],
)
def test_full_disk_keeps_the_pair_before(
    train_task: Make, monkeypatch: pytest.MonkeyPatch, target: str, failure: Callable[..., None]
) -> None:
    calm, task = train_task("calm", **CHANGES), train_task("full", **CHANGES)
    train_supervised(calm)
    interrupted(task, lambda name: name == "step-000006")
    with monkeypatch.context() as patch:
        patch.setattr(target, failure)
        with pytest.raises(StorageError, match="disk is full"):
            train_supervised(task)
    assert not list(task.output.rglob("*.partial*"))
    assert not (task.output / "checkpoints" / "step-000009").exists()
    for folder in ("checkpoints", "training-state"):
        assert verify(task.output / folder / "step-000006") is not None
    train_supervised(task)
    assert content(task.output) == content(calm.output)
    shutil.rmtree(task.output)
