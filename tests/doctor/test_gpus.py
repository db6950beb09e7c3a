"""GPUs that the driver shows, and what torch makes of them; both are made for a test."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

from doctor.commands import NO_DRIVER, nvidia_smi
from forget.doctor.diagnosis import Found
from forget.doctor.gpus import gpus
from forget.doctor.nvidia import Cards, cards
from forget.session import EngineOptions, Session
from scheduler.slurm.fake_commands import FakeCommands

Open = Callable[..., Session]
TORCH = """\
from types import SimpleNamespace as _Of

class _Sum:
    def sum(self):
        return self
    def item(self):
        return 8.0

asked = []

def ones(count, device):
    if {fault!r}:
        raise RuntimeError({fault!r})
    asked.append(device)
    return _Sum()

cuda = _Of(
    device_count=lambda: {count},
    is_available=lambda: {count} > 0,
    get_device_capability=lambda: {capability!r},
    is_bf16_supported=lambda including_emulation: including_emulation or {capability!r} >= (8, 0),
)
"""
VERSION = "__version__ = '2.13.0'\ncuda: str | None = {cuda!r}\nhip: str | None = {hip!r}\n"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeCommands:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    return FakeCommands(tmp_path / "bin", monkeypatch)


@pytest.fixture
def torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Install a torch: its build, how many GPUs it sees, and what goes wrong on them."""

    def install(
        cuda: str | None = None,
        hip: str | None = None,
        count: int = 0,
        fault: str = "",
        capability: tuple[int, int] = (8, 0),
    ) -> Any:
        folder = tmp_path / "torch"
        folder.mkdir(exist_ok=True)
        text = TORCH.format(count=count, fault=fault, capability=capability)
        (folder / "__init__.py").write_text(text)
        (folder / "version.py").write_text(VERSION.format(cuda=cuda, hip=hip))
        spec = spec_from_file_location("torch", folder / "__init__.py")
        assert spec is not None
        assert spec.loader is not None
        module = module_from_spec(spec)
        spec.loader.exec_module(module)
        monkeypatch.setitem(sys.modules, "torch", module)
        return module

    return install


def look(session: Session, name: str = "GPUs") -> Found:
    [check] = [check for check in gpus(session) if check.name == name]
    return check.look()


def cuda() -> EngineOptions:
    return EngineOptions(device="cuda")


def test_what_the_driver_says(system: FakeCommands) -> None:
    nvidia_smi(system.folder, gpus=2, cuda="12.4")
    found = cards()
    assert (found.driver, found.cuda, len(found.names)) == ("550.54.15", (12, 4), 2)
    assert found.memory_gb == pytest.approx((85.9, 85.9), abs=0.01)
    shown = "2 (NVIDIA A100-SXM4-80GB of 86 GB), driver 550.54.15 for CUDA 12.4"
    assert str(found) == shown


def test_a_new_driver_calls_its_cuda_another_way(system: FakeCommands) -> None:
    nvidia_smi(system.folder, gpus=1, cuda="13.3", driver="610.43.02")
    assert cards().cuda == (13, 3)


def test_a_driver_that_does_not_run(system: FakeCommands, open_lazily: Open, torch: Any) -> None:
    torch(cuda="12.8")
    system.answer("nvidia-smi", NO_DRIVER, status=9)
    assert cards().why_not.startswith("NVIDIA-SMI has failed because it couldn't communicate")
    found = look(open_lazily())
    assert found.state == "note"
    assert "couldn't communicate with the NVIDIA driver" in found.text
    assert "--device cpu" in found.remedy
    assert look(open_lazily(options=cuda())).state == "problem"


@pytest.mark.parametrize("said", ["", "No devices were found\n", "a, b\n"])
def test_an_answer_without_a_gpu(said: str, system: FakeCommands) -> None:
    system.answer("nvidia-smi", said)
    assert cards().names == ()


def test_cards_of_which_the_kernel_alone_knows() -> None:
    assert str(Cards(("Tesla T4",))) == "1 (Tesla T4)"


def test_gpus_compute(system: FakeCommands, open_lazily: Open, torch: Any) -> None:
    module = torch(cuda="12.8", count=2)
    nvidia_smi(system.folder, gpus=2, cuda="12.4")
    found = look(open_lazily())
    assert found.state == "fine"
    assert found.text.endswith("for CUDA 12.4; torch (CUDA 12.8) computes on 2")
    assert module.asked == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize(("device", "state"), [("auto", "note"), ("cuda", "problem")])
def test_a_torch_for_cpus_beside_gpus(
    device: Any, state: str, system: FakeCommands, open_lazily: Open, torch: Any
) -> None:
    torch()
    nvidia_smi(system.folder, gpus=1, cuda="12.4")
    found = look(open_lazily(options=EngineOptions(device=device)))
    assert found.state == state
    assert "built for CPUs" in found.text
    assert "install torch's build for it" in found.remedy


def test_a_torch_that_the_driver_is_too_old_for(
    system: FakeCommands, open_lazily: Open, torch: Any
) -> None:
    torch(cuda="13.0", count=1)
    nvidia_smi(system.folder, gpus=1, cuda="12.4")
    found = look(open_lazily())
    assert found.state == "problem"
    assert "but torch is built for CUDA 13.0" in found.text
    assert "install a torch for CUDA 12" in found.remedy


@pytest.mark.parametrize(("device", "state"), [("auto", "note"), ("cuda", "problem")])
@pytest.mark.parametrize("value", ["", "-1"])
def test_gpus_that_are_hidden(
    value: str,
    device: Any,
    state: str,
    system: FakeCommands,
    open_lazily: Open,
    torch: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch(cuda="12.8")
    nvidia_smi(system.folder, gpus=1, cuda="12.4")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    found = look(open_lazily(options=EngineOptions(device=device)))
    assert (found.state, found.remedy) == (state, "unset CUDA_VISIBLE_DEVICES to use them")
    assert f"hidden by CUDA_VISIBLE_DEVICES={value!r}" in found.text


@pytest.mark.parametrize(
    ("visible", "why"), [(None, "its CUDA 12.8"), ("7", "CUDA_VISIBLE_DEVICES='7'")]
)
def test_gpus_that_torch_does_not_see(
    visible: str | None,
    why: str,
    system: FakeCommands,
    open_lazily: Open,
    torch: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch(cuda="12.8")
    nvidia_smi(system.folder, gpus=1, cuda="12.4")
    if visible is not None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    found = look(open_lazily())
    assert found.state == "problem"
    assert f"but torch sees none ({why})" in found.text


def test_a_gpu_that_torch_has_no_kernels_for(
    system: FakeCommands, open_lazily: Open, torch: Any
) -> None:
    torch(cuda="12.8", count=1, fault="no kernel image is available")
    nvidia_smi(system.folder, gpus=1, cuda="12.4")
    with pytest.raises(RuntimeError, match="no kernel image"):
        look(open_lazily())


def test_a_build_for_other_cards(open_lazily: Open, torch: Any, system: FakeCommands) -> None:
    torch(hip="6.3.1")
    system.answer("nvidia-smi", status=9)
    assert "torch is built for ROCm 6.3.1" in look(open_lazily()).text


def test_no_gpu(system: FakeCommands, open_lazily: Open, torch: Any) -> None:
    torch()
    system.answer("nvidia-smi", "No devices were found\n", status=6)
    assert look(open_lazily()).state == "fine"
    asked = look(open_lazily(options=cuda()))
    assert (asked.state, bool(asked.remedy)) == ("problem", True)
    nvidia_smi(system.folder, gpus=1, cuda="12.4")
    assert look(open_lazily(options=EngineOptions(device="cpu"))).text.startswith("not asked for")


@pytest.mark.parametrize(
    ("capability", "state", "able"),
    [
        ((9, 0), "fine", "fp16, bf16, fp8 in hardware (compute capability 9.0)"),
        ((8, 0), "fine", "fp16, bf16 in hardware (compute capability 8.0)"),
        ((7, 0), "note", "fp16 in hardware (compute capability 7.0)"),
    ],
)
def test_the_number_formats_of_a_gpu(
    capability: tuple[int, int],
    state: str,
    able: str,
    system: FakeCommands,
    open_lazily: Open,
    torch: Any,
) -> None:
    torch(cuda="12.8", count=1, capability=capability)
    found = look(open_lazily(options=cuda()), "number formats")
    assert found.state == state
    assert found.text.startswith(f"{able}: evaluated in bfloat16, trained in bfloat16 over float32")
    assert (state == "fine") != ("--dtype float32" in found.remedy)


def test_the_number_formats_without_a_gpu(
    system: FakeCommands, open_lazily: Open, torch: Any
) -> None:
    torch()
    found = look(open_lazily(options=EngineOptions(dtype="bfloat16")), "number formats")
    assert found.text == "on cpu: evaluated in bfloat16, trained in float32"
    asked = look(open_lazily(options=cuda()), "number formats")
    assert "torch uses none" in asked.text
