"""The local executor on a tiny model: several processes, a killed one, a checkpoint that fails."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack
from pathlib import Path

import attrs
import pytest

from forget.errors import BusyError, RequestError
from forget.inference.machine import Machine
from forget.plan import RunRequest, plan
from forget.scheduler import local
from forget.scheduler.local import Job, LocalExecutor, find_slots
from forget.scheduler.units import units_of
from forget.session import Session, open_session
from forget.store.lock import exclusive
from forget_datasets.arithmetic import Arithmetic
from test_run import arguments, forget, results
from tiny_models import make_hollow_model


@pytest.fixture(scope="module")
def whole(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run finds that nobody divides."""
    from forget.cli import main

    out = tmp_path_factory.mktemp("whole") / "out"
    with pytest.raises(SystemExit) as end:
        main(arguments(tiny_model, out))
    assert end.value.code == 0
    return out


@pytest.mark.long
@pytest.mark.slow
def test_a_killed_process_and_a_checkpoint_that_cannot_be_read(
    tiny_model: Path, tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    out = tmp_path / "out"
    said: list[tuple[str, int | None]] = []
    plain = LocalExecutor.__init__

    def watched(executor: LocalExecutor, runs, request, session, slots, tell) -> None:  # type: ignore[no-untyped-def]
        def kill_the_first(job: Job, status: int | None) -> None:
            tell(job, status)
            stage = job.units[0].stage
            if stage == "train" and not any(seen == ("train", None) for seen in said):
                job.process.kill()
            said.append((stage, status))

        plain(executor, runs, request, session, slots, kill_the_first)

    monkeypatch.setattr(LocalExecutor, "__init__", watched)
    command = [*arguments(tiny_model, out), "--on=local", "--slots=2"]
    status, shown, errors = forget([*command, "--json"], capsys)
    assert status == 0
    assert "was ended by SIGKILL" in errors
    assert results(out) == results(whole)
    assert json.loads(shown)["checkpoints"][-1]["missing"] == []
    starts = [stage for stage, end in said if end is None]
    assert sorted(set(starts[:2])) == ["evaluate", "prepare"]  # the base, meanwhile the data
    assert starts.count("train") == 2

    # Weights that are not what they were are refused; the other checkpoints are scored.
    shutil.rmtree(out / "evaluations")
    damaged = next(out.rglob("step-000004")) / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    status, shown, errors = forget(command, capsys)
    assert status == 1
    assert "step-000004" in errors
    assert "given up" in errors
    left = {path.parent.parent.parent.name for path in out.rglob("items.parquet")}
    assert len(left) == 3  # base, step 2, step 6


@pytest.fixture
def undone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LocalExecutor:
    """An executor of two datasets whose processes end well and do nothing."""

    class Sums(Arithmetic):
        name = "sums"

    monkeypatch.setattr(local, "command_of", lambda *_: ["--version"])
    model = make_hollow_model(tmp_path / "model")
    session = open_session(out=tmp_path / "out")
    request = RunRequest(method="gt-sft", model=str(model), benchmarks=("mini_piqa",), limit=2)
    [run] = plan(request, session).runs
    other = attrs.evolve(
        run,
        dataset=attrs.evolve(run.dataset, record=Sums()),
        folder=session.workspace.run("demo", "model", "sums", "gt-sft", run.seed),
    )
    slots = find_slots(session, 2)
    return LocalExecutor([run, other], request, session, slots, lambda *_: None)


@pytest.mark.slow
def test_what_ends_well_and_is_not_done_is_given_up(undone: LocalExecutor) -> None:
    """The second base comes after the first one, and does not wait for it for ever."""
    undone.run()
    assert sorted(undone.failures) == [
        "demo/model/arithmetic/base",
        "demo/model/arithmetic/gt-sft/seed-0/prepare",
        "demo/model/sums/base",
        "demo/model/sums/gt-sft/seed-0/prepare",
    ]
    failure = undone.failures["demo/model/arithmetic/base"]
    assert failure.status == 0
    assert failure.title == "demo / model / arithmetic / gt-sft / seed 0: evaluate base"
    assert "forget" in failure.last


@pytest.mark.long
@pytest.mark.slow
def test_what_another_process_works_on_is_put_off(
    tiny_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "_BUSY_S", 0.5)
    session = open_session(out=tmp_path / "out")
    request = RunRequest(
        method="gt-sft", model=str(tiny_model), benchmarks=("mini_piqa",), limit=2,
        overrides={"max_steps": "1", "max_train_examples": "20", "drift_prompts": "0"},
    )  # fmt: skip
    runs = plan(request, session).runs
    ends: list[int] = []

    class Enough(Exception):
        pass

    with ExitStack() as held:
        held.enter_context(exclusive(runs[0].folder.lock))

        def tell(job: Job, status: int | None) -> None:
            if status is None or job.units[0].stage != "prepare":
                return
            ends.append(status)
            if status == 0:
                raise Enough
            held.close()

        executor = LocalExecutor(runs, request, session, find_slots(session, 1), tell)
        with pytest.raises(Enough):
            executor.run()
    assert ends == [BusyError.exit_status, 0]
    assert executor.failures == {}
    states = {unit.stage: unit.state for unit in units_of(runs, session)}
    assert (states["prepare"], states["train"]) == ("done", "ready")


def test_a_run_by_several_processes_has_no_slot(tmp_path: Path) -> None:
    session = open_session(out=tmp_path / "out")
    model = make_hollow_model(tmp_path / "model")
    request = RunRequest(method="gt-sft", model=str(model), overrides={"num_processes": "2"})
    runs = plan(request, session).runs
    gpu = local.Slot("GPU 0", {"CUDA_VISIBLE_DEVICES": "0"})
    with pytest.raises(RequestError, match="num_processes=2 takes several GPUs"):
        LocalExecutor(runs, request, session, [gpu], lambda *_: None)


def test_slots_of_a_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(local.os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    session = open_session(out=tmp_path / "out")
    assert find_slots(session, None) == [("slot 1", {"OMP_NUM_THREADS": "8"})]
    assert [slot.variables["OMP_NUM_THREADS"] for slot in find_slots(session, 3)] == ["2"] * 3
    with pytest.raises(RequestError, match="--slots must be at least 1, but is 0"):
        find_slots(session, 0)


def test_slots_of_gpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Machine(device="cuda", device_name="Some GPU", dtype="bfloat16")
    monkeypatch.setattr(local, "resolve_machine", lambda *_: gpu)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "2,5")
    session: Session = open_session(out=tmp_path / "out")
    assert find_slots(session, None) == [
        ("GPU 2", {"CUDA_VISIBLE_DEVICES": "2"}),
        ("GPU 5", {"CUDA_VISIBLE_DEVICES": "5"}),
    ]
    assert len(find_slots(session, 1)) == 1
    monkeypatch.setattr(local, "gpu_names", lambda: ["A100", "H100"])
    assert len(find_slots(session, 1)) == 1
    with pytest.raises(RequestError, match=r"GPUs of several models \(A100, H100\)"):
        find_slots(session, 2)
    with pytest.raises(RequestError, match=r"--slots 3 need a GPU each, and this machine shows 2"):
        find_slots(session, 3)


def test_slots_are_for_an_executor(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, said = forget(["run", "--method", "gt-sft", "--slots", "2"], capsys)
    assert status == 2
    assert "Add --on local" in said
