"""GPUs: what there is, whether torch computes on them, and in which number formats."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from functools import cache, partial
from importlib.util import find_spec
from pathlib import Path

from forget.doctor.diagnosis import Check, Found
from forget.doctor.nvidia import Cards, cards
from forget.inference.machine import resolve_machine
from forget.session import EngineOptions, Session

__all__ = ["gpus"]

_OTHER_BUILD = "install torch's build for it: https://pytorch.org/get-started/locally"
_HIDES_ALL = ("", "-1")
_FP8 = (8, 9)
"""Compute capability from which on tensor cores multiply numbers of 8 bits."""


def gpus(session: Session) -> Iterator[Check]:
    """Yield the checks of GPUs, and of the number formats that follow from them."""
    look = cache(cards)  # asked once, by whichever check comes first
    options = session.options

    def seen() -> Found:
        return _there(look(), options)

    yield Check("machine", "GPUs", seen)
    yield Check("machine", "number formats", partial(_formats, options))


def _there(found: Cards, options: EngineOptions) -> Found:
    build = _torch_build()
    wanted = options.device == "cuda"
    if options.device == "cpu":
        return Found("not asked for: --device cpu")
    if not found.names:
        return _none(found, build, wanted)
    seen = f"the driver shows {found}"
    hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
    if hidden is not None and hidden.strip() in _HIDES_ALL:
        return Found(
            f"{seen}, all hidden by CUDA_VISIBLE_DEVICES={hidden!r}",
            "problem" if wanted else "note",
            "unset CUDA_VISIBLE_DEVICES to use them",
        )
    if build is None:
        text = f"{seen}, but torch is built for CPUs and uses none"
        return Found(text, "problem" if wanted else "note", _OTHER_BUILD)
    if build.startswith("CUDA") and found.cuda is not None and _major(build) > found.cuda[0]:
        return Found(
            f"{seen}, but torch is built for {build}",
            "problem",
            f"update the driver, or install a torch for CUDA {found.cuda[0]}: "
            "https://pytorch.org/get-started/locally",
        )
    return _computing(seen, build)


def _none(found: Cards, build: str | None, wanted: bool) -> Found:
    text = f"the driver shows none; torch is built for {build or 'CPUs'}"
    if found.why_not:
        return Found(
            f"{text}; nvidia-smi says: {found.why_not}",
            "problem" if wanted else "note",
            "see to the driver (a restart often helps), or say --device cpu",
        )
    remedy = "ask for a machine with a GPU, or leave --device out" if wanted else ""
    return Found(text, "problem" if wanted else "fine", remedy)


def _computing(seen: str, build: str) -> Found:
    """Have torch compute on each GPU: a driver that is too old or an unknown card shows there."""
    import torch

    count = torch.cuda.device_count()
    if not count:
        hidden = os.environ.get("CUDA_VISIBLE_DEVICES")
        why = f"CUDA_VISIBLE_DEVICES={hidden!r}" if hidden is not None else f"its {build}"
        return Found(
            f"{seen}, but torch sees none ({why})",
            "problem",
            "ask for a GPU in the job, or install a torch that the driver suffices for",
        )
    for index in range(count):
        torch.ones(8, device=f"cuda:{index}").sum().item()
    return Found(f"{seen}; torch ({build}) computes on {count}")


def _formats(options: EngineOptions) -> Found:
    """Say in which formats models are trained and evaluated here, and what the GPU is good for."""
    machine = resolve_machine(options.device, options.dtype)
    if machine.device != "cuda":
        return Found(f"on {machine.device}: evaluated in {machine.dtype}, trained in float32")
    import torch

    if not torch.cuda.is_available():  # which the check of GPUs explains
        return Found(f"evaluated in {machine.dtype} where there is a GPU; torch uses none")
    capability = torch.cuda.get_device_capability()
    bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    able = ["fp16", *(["bf16"] if bf16 else []), *(["fp8"] if capability >= _FP8 else [])]
    text = (
        f"{', '.join(able)} in hardware (compute capability {capability[0]}.{capability[1]}): "
        f"evaluated in {machine.dtype}, trained in bfloat16 over float32 weights"
    )
    if bf16:
        return Found(text)
    return Found(
        f"{text}; this GPU only imitates bfloat16, which is slow",
        "note",
        "evaluate with --dtype float32; train on a GPU of compute capability 8.0 or later",
    )


def _major(build: str) -> int:
    return int(build.split()[1].partition(".")[0])


def _torch_build() -> str | None:
    """Say what torch is built for, from its files: importing it takes seconds."""
    spec = find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    for name, title in (("cuda", "CUDA"), ("hip", "ROCm")):
        found = re.search(rf"^{name}\b.*= '(.+)'", text, re.MULTILINE)
        if found:
            return f"{title} {found[1]}"
    return None
