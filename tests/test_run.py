"""`forget run` as a whole, on a tiny model: start to report, resume, kill, full disk."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from fake_distributions import Site, pending_method
from forget.cli import main
from forget.errors import BusyError
from forget.store.lock import exclusive

SETTINGS = {
    "lr": 1e-2,
    "max_steps": 6,
    "checkpoint_every": 2,
    "log_every": 1,
    "batch_size": 4,
    "micro_batch_size": 2,
    "max_train_examples": 40,
    "dtype": "float32",
    "drift_prompts": 2,
}


def arguments(model: Path, out: Path, **changes: Any) -> list[str]:
    """Return the command line of a run that takes seconds."""
    settings = [f"--set={name}={value}" for name, value in {**SETTINGS, **changes}.items()]
    return [
        "run",
        "--method=gt-sft",
        f"--model={model}",
        "--benchmarks=mini_piqa,mini_winogrande,mini_mmlu,mini_ifeval",
        "--limit=4",
        f"--out={out}",
        *settings,
    ]


def forget(command: Sequence[str], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Run a command in this process; return status, standard output and error."""
    with pytest.raises(SystemExit) as end:
        main(list(command))
    said = capsys.readouterr()
    assert isinstance(end.value.code, int)
    return end.value.code, said.out, said.err


def results(out: Path) -> dict[str, bytes]:
    """Return what a run found, by path: scores, items, curve and weights, to the byte."""
    kept = (
        "results.json",
        "items.parquet",
        "metrics.jsonl",
        "drift.jsonl",
        "model.safetensors",
        "sweep.json",
    )
    found = {p.relative_to(out).as_posix(): p for p in sorted(out.rglob("*")) if p.name in kept}
    return {name: path.read_bytes() for name, path in found.items()}


@pytest.fixture(scope="module")
def calm(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """An undisturbed run and what it printed."""
    out = tmp_path_factory.mktemp("calm")
    command = [sys.executable, "-m", "forget", *arguments(tiny_model, out), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return out, json.loads(done.stdout)


@pytest.mark.slow
def test_from_start_to_report(calm: tuple[Path, dict[str, Any]], tiny_model: Path) -> None:
    out, found = calm
    started = tomllib.loads(next(out.rglob("run.toml")).read_text())["provenance"]
    assert started["model_folder"] == str(tiny_model.resolve())
    assert [c["step"] for c in found["checkpoints"]] == [2, 4, 6]
    for checkpoint in found["checkpoints"]:
        names = [b["benchmark"] for b in checkpoint["benchmarks"]]
        assert names == ["mini_piqa", "mini_winogrande", "mini_mmlu", "mini_ifeval"]
        assert [b["items"] for b in checkpoint["benchmarks"]] == [4, 4, 4, 4]
        for b in checkpoint["benchmarks"]:
            assert b["delta"] == pytest.approx(b["score"] - b["base_score"])
        assert checkpoint["task_accuracy"]["items"] == 4
        assert checkpoint["missing"] == []
        assert checkpoint["drift"]["prompts"] == 2
        assert checkpoint["drift"]["kl_to_base"] > 0
    curve = next(out.rglob("metrics.jsonl")).read_text().splitlines()
    assert [json.loads(line)["step"] for line in curve] == [1, 2, 3, 4, 5, 6]
    losses = [json.loads(line)["loss"] for line in curve]
    assert losses[-1] < losses[0]


@pytest.mark.slow
def test_the_same_command_again_does_nothing_and_says_the_same(
    calm: tuple[Path, dict[str, Any]], tiny_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, found = calm
    times = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.name in results(out)}
    status, said, _ = forget([*arguments(tiny_model, out), "--json"], capsys)
    assert (status, json.loads(said)) == (0, found)
    assert times == {p: p.stat().st_mtime_ns for p in times}
    status, said, _ = forget(["report", "--out", str(out), "--json"], capsys)
    assert (status, json.loads(said)) == (0, found)
    status, said, _ = forget([*arguments(tiny_model, out), "--json", "--dry-run"], capsys)
    [planned] = json.loads(said)["runs"]
    assert all(step["done"] for step in planned["steps"]), planned


@pytest.mark.slow
def test_another_run_shares_the_evaluation_of_the_base(
    calm: tuple[Path, dict[str, Any]],
    tiny_model: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = tmp_path / "out"
    shutil.copytree(calm[0], out)
    before = {p.parent.parent.parent.name for p in out.glob("evaluations/*/*/*/results.json")}
    command = [*arguments(tiny_model, out, max_steps=2), "--seed=1", "--json"]
    status, said, err = forget(command, capsys)
    assert status == 0
    assert "base: mini" not in err
    after = {p.parent.parent.parent.name for p in out.glob("evaluations/*/*/*/results.json")}
    assert len(after) == len(before) + 1  # the one new checkpoint
    status, said, _ = forget(["report", "--out", str(out), "--json"], capsys)
    assert len(json.loads(said)["runs"]) == 2


@pytest.mark.slow
def test_a_dry_run_before_the_first_run_writes_nothing(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status, said, _ = forget([*arguments(tiny_model, tmp_path), "--dry-run"], capsys)
    assert status == 0
    assert "evaluate checkpoints" in said
    assert list(tmp_path.iterdir()) == []


KILLER = """
import json, os, random, signal, sys, time
import accelerate, datasets, peft, torch, trl, lm_eval.api.task
import lm_eval.models.huggingface, lm_eval.tasks.ifeval.utils
import pyarrow.parquet
from trl import SFTConfig, SFTTrainer
from forget.cli import main

torch.set_num_threads(1)
outs, commands = json.loads(sys.argv[1])
random = random.Random(3)

def child(command, after_s):
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        try:
            main(command)
        except SystemExit as end:
            os._exit(end.code)
    if after_s is not None:
        time.sleep(after_s)
        os.kill(pid, signal.SIGKILL)
    return os.waitpid(pid, 0)[1]

calm, *shaken = commands
start = time.monotonic()
assert child(calm, None) == 0
length_s = time.monotonic() - start
killed = 0
for command in shaken:
    after_s = random.uniform(0.02, 0.98) * length_s
    killed += os.WIFSIGNALED(child(command, after_s))
    assert child(command, None) == 0
print(json.dumps({"killed": killed, "length_s": round(length_s, 1)}))
"""


@pytest.mark.long
@pytest.mark.slow
def test_killed_at_ten_random_moments(tiny_model: Path, tmp_path: Path) -> None:
    """After SIGKILL the same command ends with the same scores, curve and weights, to the byte."""
    outs = [tmp_path / f"out-{trial}" for trial in range(11)]
    commands = [arguments(tiny_model, out) for out in outs]
    done = subprocess.run(
        [sys.executable, "-c", KILLER, json.dumps([[str(out) for out in outs], commands])],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout.splitlines()[-1])
    assert report["killed"] >= 4, report  # a machine that was busy at first may be done sooner
    expected = results(outs[0])
    assert sum(name.endswith("results.json") for name in expected) == 4 * 5
    for out in outs[1:]:
        assert results(out) == expected
        assert not list(out.rglob("*.answers.jsonl"))


@pytest.mark.slow
def test_ctrl_c_says_how_to_go_on(tiny_model: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "forget", *arguments(tiny_model, tmp_path / "out")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("out/evaluations/*/*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "run the same command again to continue" in err
    assert "Traceback" not in err
    assert out == ""


@pytest.mark.slow
def test_a_full_disk_is_said_and_the_run_goes_on_afterwards(
    calm: tuple[Path, dict[str, Any]], tiny_model: Path, tmp_path: Path
) -> None:
    """On a real file system that is full: a tmpfs with room for the first checkpoint alone."""
    place = tmp_path / "small"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=700k", "tmpfs", str(place)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("mounting a small file system needs root")
    command = [sys.executable, "-m", "forget", *arguments(tiny_model, place / "out"), "--json"]
    try:
        full = subprocess.run(command, capture_output=True, text=True, check=False)
        assert full.returncode == 5, full.stderr
        assert "The disk is full" in full.stderr
        assert "Traceback" not in full.stderr
        assert list(place.glob("out/runs/*/*/*/*/seed-0/checkpoints/step-000002/manifest.json"))
        subprocess.run(["mount", "-o", "remount,size=50m", str(place)], check=True)
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert json.loads(done.stdout)["checkpoints"] == calm[1]["checkpoints"]
    finally:
        subprocess.run(["umount", str(place)], check=True)


@pytest.mark.slow
def test_settings_that_left_nothing_to_train_on_can_be_changed(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """All examples are longer than 8 tokens; nothing was made that the settings could belie."""
    status, _, said = forget(arguments(tiny_model, tmp_path / "out", max_length=8), capsys)
    assert status != 0
    assert "max_length" in said
    status, _, _ = forget([*arguments(tiny_model, tmp_path / "out"), "--max-steps=2"], capsys)
    assert status == 0


CHECKING = """
from forget.errors import DataError
from forget.hooks import hookimpl
from forget_methods.gt_sft import GtSft

class Made(GtSft):
    name = "made"

    def check(self, settings):
        if settings.lr == 1:
            raise DataError("there is no such file")

@hookimpl
def forget_methods():
    yield Made()
"""


@pytest.mark.slow
def test_what_a_methods_settings_name_is_looked_at_before_anything_is_written(
    tiny_model: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    Site(tmp_path / "site", monkeypatch).install("made", CHECKING)
    out = tmp_path / "out"
    command = [*arguments(tiny_model, out), "--method=made", "--max-steps=2"]
    status, _, said = forget([*command, "--set=lr=1"], capsys)
    assert (status, said) == (2, "forget: there is no such file\n")
    assert not out.exists()
    assert forget(command, capsys)[0] == 0


def test_two_processes_do_not_work_on_one_run(
    tiny_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from forget.plan import RunRequest, plan
    from forget.run import carry_out
    from forget.session import open_session

    session = open_session(out=tmp_path)
    request = RunRequest(method="gt-sft", model=str(tiny_model), benchmarks=("mini_piqa",))
    [run] = plan(request, session).runs
    with exclusive(run.folder.lock), pytest.raises(BusyError, match=f"process {os.getpid()} on"):
        carry_out(run, session, None)  # type: ignore[arg-type]
    assert not run.folder.runfile.exists()


def test_a_study_plans_what_is_pending(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = [
        "run", "--study=mine", "--dataset=gsm8k", "--benchmarks=mini_piqa", "--dry-run", "--json",
    ]  # fmt: skip
    gsm8k = tmp_path / "mirror" / "gsm8k"
    gsm8k.mkdir(parents=True)
    import pyarrow as pa
    import pyarrow.parquet as pq

    for split in ("train", "test"):
        table = pa.table({"question": ["1 + 1?"], "answer": ["It is 2\n#### 2"]})
        pq.write_table(table, gsm8k / f"{split}.parquet")
    registry = pending_method(tmp_path, study="phase1")
    where = [f"--data={gsm8k.parent}", f"--out={tmp_path}", f"--registry={registry}"]
    status, said, _ = forget([*command, *where], capsys)
    assert status == 0
    planned = json.loads(said)
    assert len(planned["runs"]) + len(planned["pending"]) == 3
    assert {line["waits_for"]: line["remedy"] for line in planned["pending"]}["method made"] == (
        "pip install forget-made"
    )
    status, _, err = forget([*command, "--method=made", *where], capsys)
    assert status == 2
    assert "pending" in err
