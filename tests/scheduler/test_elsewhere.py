"""A machine without a GPU looks for what a machine with one has evaluated."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from forget.inference.machine import Machine
from forget.scheduler import elsewhere
from forget.scheduler.elsewhere import as_seen_from_here
from forget.session import EngineOptions, Session, open_session

GPU = {"device": "cuda", "device_name": "NVIDIA A100", "dtype": "bfloat16"}
CPU = {"device": "cpu", "device_name": "", "dtype": "float32"}


def recorded(out: Path, *machines: dict[str, Any] | None) -> None:
    """Write what `forget work` does, a line for each machine."""
    run = out / "runs" / "demo" / "model" / "arithmetic" / "gt-sft" / "seed-0"
    run.mkdir(parents=True)
    (run / "run.toml").touch()
    lines = [json.dumps({"stage": "evaluate", "machine": machine}) for machine in machines]
    (run / "work.jsonl").write_text("\n".join([*lines, '{"torn']))


def seen(out: Path, **options: Any) -> Session:
    return as_seen_from_here(open_session(out=out, options=EngineOptions(**options)))


def test_the_last_gpu_is_stood_for(tmp_path: Path) -> None:
    recorded(tmp_path, CPU, GPU, None)
    session = seen(tmp_path)
    assert session.machine == Machine(**GPU)
    assert "cuda" in str(session.engine(None).fingerprint()["device"])
    assert seen(tmp_path, dtype="float32").machine.dtype == "float32"


@pytest.mark.parametrize("machines", [(), (None,), (CPU,), (GPU, CPU)])
def test_without_one_this_machine_is_meant(tmp_path: Path, machines: tuple[Any, ...]) -> None:
    recorded(tmp_path, *machines)
    assert seen(tmp_path).elsewhere is None


def test_who_asks_for_a_device_gets_it(tmp_path: Path) -> None:
    recorded(tmp_path, GPU)
    assert seen(tmp_path, device="cpu").elsewhere is None


def test_who_has_a_gpu_looks_for_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(tmp_path, GPU)
    other = Machine(device="cuda", device_name="NVIDIA H200", dtype="bfloat16")
    monkeypatch.setattr(Session, "machine", property(lambda _: other))
    session = open_session(out=tmp_path)
    assert elsewhere.as_seen_from_here(session) is session
