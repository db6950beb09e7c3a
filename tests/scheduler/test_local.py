"""The local executor on a tiny model: several processes, a killed one, a checkpoint that fails."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from forget.errors import RequestError
from forget.inference.machine import Machine
from forget.scheduler import local
from forget.scheduler.local import Job, LocalExecutor, find_slots
from forget.session import Session, open_session
from test_run import arguments, forget, results


@pytest.fixture(scope="module")
def whole(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a run finds that nobody divides."""
    from forget.cli import main

    out = tmp_path_factory.mktemp("whole") / "out"
    with pytest.raises(SystemExit) as end:
        main(arguments(tiny_model, out))
    assert end.value.code == 0
    return out


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
    with pytest.raises(RequestError, match=r"--slots 3 need a GPU each, and this machine shows 2"):
        find_slots(session, 3)


def test_slots_are_for_an_executor(capsys: pytest.CaptureFixture[str]) -> None:
    status, _, said = forget(["run", "--method", "gt-sft", "--slots", "2"], capsys)
    assert status == 2
    assert "Add --on local" in said
