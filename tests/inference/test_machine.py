from __future__ import annotations

from pathlib import Path

import pytest

from forget.inference import machine
from forget.inference.machine import Machine, package_version, resolve_machine


@pytest.fixture
def gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with one NVIDIA GPU, a torch that can use it, and nothing hidden."""
    card = tmp_path / "gpus" / "0000:01:00.0"
    card.mkdir(parents=True)
    (card / "information").write_text("Model: \t\t NVIDIA H100 80GB HBM3\nIRQ: 1\n")
    monkeypatch.setattr(machine, "_NVIDIA", tmp_path / "gpus")
    monkeypatch.setattr(machine, "package_version", lambda _: "2.9.0+cu128")
    monkeypatch.setattr(machine.platform, "system", lambda: "Linux")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return tmp_path / "gpus"


@pytest.fixture
def no_gpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_NVIDIA", tmp_path / "none")
    monkeypatch.setattr(machine.platform, "system", lambda: "Linux")


@pytest.mark.usefixtures("gpu")
def test_a_gpu_is_taken_in_bfloat16_and_named() -> None:
    expected = Machine(device="cuda", device_name="NVIDIA H100 80GB HBM3", dtype="bfloat16")
    assert resolve_machine() == expected


@pytest.mark.usefixtures("gpu")
@pytest.mark.parametrize("hidden", ["", "-1", " "])
def test_a_hidden_gpu_is_not_taken(monkeypatch: pytest.MonkeyPatch, hidden: str) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", hidden)
    assert resolve_machine().device == "cpu"


@pytest.mark.usefixtures("gpu")
def test_a_gpu_that_is_shown_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    assert resolve_machine().device == "cuda"


@pytest.mark.usefixtures("gpu")
def test_a_torch_for_the_cpu_cannot_use_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "package_version", lambda _: "2.9.0+cpu")
    assert resolve_machine().device == "cpu"


def test_a_driver_without_a_card(gpu: Path) -> None:
    (gpu / "0000:01:00.0" / "information").unlink()
    (gpu / "0000:01:00.0").rmdir()
    assert resolve_machine().device == "cpu"


@pytest.mark.usefixtures("no_gpu")
def test_without_a_gpu_the_cpu_is_taken_in_float32() -> None:
    assert resolve_machine() == Machine(device="cpu", device_name="", dtype="float32")


@pytest.mark.usefixtures("no_gpu")
def test_an_apple_laptop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(machine.platform, "machine", lambda: "arm64")
    assert resolve_machine() == Machine(device="mps", device_name="", dtype="float32")
    monkeypatch.setattr(machine.platform, "machine", lambda: "x86_64")
    assert resolve_machine().device == "cpu"


@pytest.mark.usefixtures("gpu")
def test_what_is_asked_for_is_given() -> None:
    assert resolve_machine("cpu") == Machine(device="cpu", device_name="", dtype="float32")
    assert resolve_machine("cpu", "bfloat16").dtype == "bfloat16"
    assert resolve_machine("cuda", "float32").dtype == "float32"


@pytest.mark.usefixtures("no_gpu")
def test_a_gpu_that_is_asked_for_but_not_seen_has_no_name() -> None:
    found = resolve_machine("cuda")
    assert found == Machine(device="cuda", device_name="unknown GPU", dtype="bfloat16")


def test_package_versions() -> None:
    assert package_version("pytest") == pytest.__version__
    assert package_version("no-such-distribution") == "none"
