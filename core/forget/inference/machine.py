"""What a model runs on, found without importing torch (which takes seconds)."""

from __future__ import annotations

import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Literal

import attrs

__all__ = ["Device", "Dtype", "Machine", "gpu_names", "package_version", "resolve_machine"]

Device = Literal["auto", "cpu", "cuda", "mps"]
Dtype = Literal["auto", "float32", "bfloat16"]

_NVIDIA = Path("/proc/driver/nvidia/gpus")


@attrs.frozen(kw_only=True)
class Machine:
    """Where and in which number format a model is evaluated.

    Attributes:
        device: ``cpu``, ``cuda`` or ``mps``.
        device_name: The GPU's model, empty on a CPU: scores differ between GPU models by up to
            0.9 points, between CPUs by rounding alone.
        dtype: ``float32`` or ``bfloat16``.
    """

    device: str
    device_name: str
    dtype: str


def resolve_machine(device: Device = "auto", dtype: Dtype = "auto") -> Machine:
    """Settle device and number format: the GPU in bfloat16 if there is one, else fp32."""
    chosen = _detect() if device == "auto" else device
    number = dtype if dtype != "auto" else ("bfloat16" if chosen == "cuda" else "float32")
    name = _gpu_name() if chosen == "cuda" else ""
    return Machine(device=chosen, device_name=name, dtype=number)


@cache
def package_version(distribution: str) -> str:
    """Return the version of an installed distribution, ``none`` if it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return "none"


def _detect() -> str:
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES", "all").strip() in ("", "-1")
    torch_has_cuda = "+cpu" not in package_version("torch")
    if _NVIDIA.is_dir() and any(_NVIDIA.iterdir()) and torch_has_cuda and not hidden:
        return "cuda"
    return "mps" if (platform.system(), platform.machine()) == ("Darwin", "arm64") else "cpu"


def gpu_names() -> list[str]:
    """Return the model of every NVIDIA card of this machine, hidden ones included."""
    return [
        line.removeprefix("Model:").strip()
        for card in sorted(_NVIDIA.glob("*/information"))
        for line in card.read_text().splitlines()
        if line.startswith("Model:")
    ]


def _gpu_name() -> str:
    return next(iter(gpu_names()), "unknown GPU")
